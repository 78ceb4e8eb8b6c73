// One run of a tokenizer over one text, in borrowed memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/text/merger.h"
#include "runtime/text/tokenizer.h"

namespace linnet::text {

// Where the parts of the scratch lie, for texts of up to `max_text` bytes.
struct ScratchLayout {
  std::size_t max_text = 0;
  std::size_t matching = 0;  // Offset of PCRE2's memory.
  std::size_t repaired = 0;  // Offset of the text with broken UTF-8 replaced.
  std::size_t normal = 0;    // Offset of the normalised text.
  std::size_t seen = 0;      // Offset of the text as the expressions see it.
  std::size_t nodes = 0;     // Offset of the nodes, before them the heap: code points while normalising.
  std::size_t heap = 0;
  std::size_t size = 0;

  [[nodiscard]] static ScratchLayout for_text(std::size_t max_text);
  // The layout for the longest text that fits into `bytes`.
  [[nodiscard]] static ScratchLayout within(std::size_t bytes);
};

class Encoder {
 public:
  Encoder(const Tokenizer& tokenizer, EncodeOptions options, std::span<TokenId> out, std::span<std::byte> scratch);

  [[nodiscard]] Result<std::size_t> encode(std::string_view text);

 private:
  struct Special {
    std::size_t start;
    std::size_t size;  // 0: there is none.
    TokenId token;
  };

  [[nodiscard]] Result<std::string_view> repaired(std::string_view text);
  [[nodiscard]] Special next_special(std::string_view text, std::size_t from) const;
  [[nodiscard]] Special special_at(std::string_view text, std::size_t at) const;
  [[nodiscard]] Result<void> fragment(std::string_view text);
  [[nodiscard]] Result<void> byte_level(std::string_view text);
  [[nodiscard]] Result<void> characters(std::string_view text);
  [[nodiscard]] Result<void> word_pieces(std::string_view text);
  bool byte_word(std::string_view word);
  bool character_word(std::string_view word, bool with_space);
  bool word_piece(std::string_view word);
  bool put_characters(std::string_view word);
  bool put_bytes(std::string_view bytes);
  bool put(Symbol symbol);

  const Tokenizer& tokenizer_;
  const Tables& tables_;
  EncodeOptions options_;
  std::span<TokenId> out_;
  std::span<std::byte> scratch_;
  ScratchLayout layout_;
  Merger merger_;
  std::size_t count_ = 0;
  bool after_special_ = true;  // SentencePiece puts a space at the start and after every special token.
  bool last_unknown_ = false;
};

}  // namespace linnet::text
