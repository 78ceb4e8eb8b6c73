// Fuzz target: any vocabulary is refused or encodes any text into ids that decode to whole characters.
//
// Input: a line with the model, a line with the pre-tokenizer, one line a token (its type's digit, then its text) up to
// an empty line, one line a merge up to an empty line; the rest is the text. Scores are the tokens' order.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return line;
}

VocabularySource source_of(std::string_view& rest) {
  VocabularySource source;
  source.model = take_line(rest);
  source.pre = take_line(rest);
  for (auto line = take_line(rest); !line.empty(); line = take_line(rest)) {
    const bool typed = line[0] >= '1' && line[0] <= '6';
    source.types.push_back(typed ? static_cast<TokenType>(line[0] - '0') : TokenType::kNormal);
    source.tokens.push_back(typed ? line.substr(1) : line);
    const std::size_t rank = source.tokens.size() / 2;  // Two tokens share a score.
    source.scores.push_back(-static_cast<float>(rank));
  }
  source.token_count = source.tokens.size();
  for (auto line = take_line(rest); !line.empty(); line = take_line(rest)) source.merges.push_back(line);
  return source;
}

void encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options) {
  std::vector<std::byte> scratch(tokenizer.scratch_bytes(Tokenizer::most_bytes(text.size())));
  std::vector<TokenId> ids(Tokenizer::most_tokens(Tokenizer::most_bytes(text.size())));
  const auto count = tokenizer.encode(text, options, ids, scratch);
  require(count.has_value());
  StreamDecoder decoder(tokenizer);
  for (const TokenId id : std::span(ids).first(*count)) {
    require(tokenizer.contains(id));
    const std::string_view part = decoder.push(id);
    require(valid_prefix(part) == part.size());
  }
  const std::string_view part = decoder.finish();
  require(valid_prefix(part) == part.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  VocabularySource source = source_of(rest);
  if (source.tokens.empty()) return 0;
  source.bos = 0;
  source.add_bos = true;
  const auto tokenizer = Tokenizer::create(source);
  if (!tokenizer) {
    require(tokenizer.error().message.find('\n') == std::string::npos);
    return 0;
  }
  encode(*tokenizer, rest, {});
  encode(*tokenizer, rest, {.add_special = false, .parse_special = true});
  return 0;
}

}  // namespace linnet::text
