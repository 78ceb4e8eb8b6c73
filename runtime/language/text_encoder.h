// Text to token ids with memory that grows as texts do: for commands, which may allocate between texts.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

class TextEncoder {
 public:
  // Borrows the tokenizer.
  explicit TextEncoder(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // The ids, valid until the next call. Errors: kExhausted.
  [[nodiscard]] Result<std::span<const text::TokenId>> encode(std::string_view text, text::EncodeOptions options);

  // What the buffers take.
  [[nodiscard]] Bytes memory() const { return {scratch_size_ + ids_size_ * sizeof(text::TokenId)}; }

 private:
  void make_room(std::size_t longest_text);

  const text::Tokenizer& tokenizer_;
  std::size_t longest_text_ = 0;
  std::size_t scratch_size_ = 0;
  std::size_t ids_size_ = 0;
  // Not initialised: of a buffer for the worst text, only what a text needs is ever touched.
  std::unique_ptr<std::byte[]> scratch_;
  std::unique_ptr<text::TokenId[]> ids_;
};

}  // namespace linnet::language
