#include "runtime/language/text_encoder.h"

#include <algorithm>

namespace linnet::language {
namespace {

constexpr std::size_t kSmallestRoom = 1024;
// Normal forms grow a text at most this much: U+0390 in UTF-8 is 2 bytes, decomposed 6 (Unicode, UAX 15, table 4).
constexpr std::size_t kNormalisedGrowth = 3;

}  // namespace

Result<std::span<const text::TokenId>> TextEncoder::encode(std::string_view text, text::EncodeOptions options) {
  make_room(kNormalisedGrowth * text.size());
  LINNET_TRY(const std::size_t count,
             tokenizer_.encode(text, options, {ids_.get(), ids_size_}, {scratch_.get(), scratch_size_}));
  return std::span<const text::TokenId>(ids_.get(), count);
}

void TextEncoder::make_room(std::size_t longest_text) {
  if (longest_text <= longest_text_ && scratch_) return;
  longest_text_ = std::max({longest_text, 2 * longest_text_, kSmallestRoom});
  scratch_size_ = tokenizer_.scratch_bytes(longest_text_);
  ids_size_ = text::Tokenizer::most_tokens(longest_text_);
  scratch_.reset(new std::byte[scratch_size_]);
  ids_.reset(new text::TokenId[ids_size_]);
}

}  // namespace linnet::language
