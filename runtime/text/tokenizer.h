// Text to token ids and back, exactly as the reference implementations give them: the door of runtime/text.
//
// A Tokenizer is built (or mapped, where the file was packed) once and then shared: every method is const, safe from
// any thread, and allocates nothing. Encoding works in memory that the caller planned with `scratch_bytes`.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/pretokenizer.h"
#include "runtime/text/tables.h"
#include "runtime/text/tables_builder.h"
#include "runtime/text/token.h"
#include "runtime/text/vocabulary_source.h"

namespace linnet::text {

struct EncodeOptions {
  bool add_special = true;     // BOS, EOS, CLS, SEP where the model wants them.
  bool parse_special = false;  // Whether text may name control tokens: only for text that a template made.
};

// Tokens with a role; kNoToken where a vocabulary has none.
struct SpecialTokens {
  TokenId bos = kNoToken;
  TokenId eos = kNoToken;
  TokenId eot = kNoToken;
  TokenId eom = kNoToken;
  TokenId unknown = kNoToken;
  TokenId separator = kNoToken;
  TokenId padding = kNoToken;
  TokenId mask = kNoToken;
  bool add_bos = false;
  bool add_eos = false;
  bool add_separator = false;
};

class Tokenizer {
 public:
  // Reads the vocabulary of `file`, which must outlive the tokenizer: mapped tables where the file was packed, else
  // tables built now. Errors: kAbsent, kMalformed, kUnsupported (an unknown tokenizer or pre-tokenizer, named).
  [[nodiscard]] static Result<Tokenizer> load(const gguf::Reader& file);

  // From a vocabulary in memory, which may go afterwards. Errors as load().
  [[nodiscard]] static Result<Tokenizer> create(const VocabularySource& source);

  [[nodiscard]] std::size_t token_count() const { return tables_.token_count(); }
  [[nodiscard]] const SpecialTokens& special() const { return special_; }

  // Whether a model that gives `token` is done with its answer.
  [[nodiscard]] bool ends_generation(TokenId token) const;

  // Memory that encode() needs for texts of up to `max_text` bytes. About 43 bytes a byte: the worst text is one word.
  [[nodiscard]] std::size_t scratch_bytes(std::size_t max_text) const;

  // What a text of `bytes` bytes can grow to when broken UTF-8 is replaced and characters are normalised.
  [[nodiscard]] static constexpr std::size_t most_bytes(std::size_t bytes) { return 3 * bytes; }

  // The most ids that a text of `bytes` bytes can give, once it has grown.
  [[nodiscard]] static constexpr std::size_t most_tokens(std::size_t bytes) { return bytes + 4; }

  // Writes the ids of `text` to `out` and returns how many they are. Broken UTF-8 reads as U+FFFD, one for each maximal
  // subpart. `scratch` comes from scratch_bytes(max_text), 8-byte aligned; a text longer than that max_text (when
  // it has grown, see most_bytes) or with more ids than `out` has room for is refused. Errors: kExhausted.
  [[nodiscard]] Result<std::size_t> encode(std::string_view text, EncodeOptions options, std::span<TokenId> out,
                                           std::span<std::byte> scratch) const;

  // The bytes that `token` stands for: perhaps part of a character. Empty for control tokens and ids outside.
  [[nodiscard]] std::string_view piece(TokenId token) const;

  // The same for every token: a control token gives its name.
  [[nodiscard]] std::string_view name(TokenId token) const;

  [[nodiscard]] bool contains(TokenId token) const {
    return token >= 0 && static_cast<std::uint32_t>(token) < tables_.token_count();
  }
  [[nodiscard]] TokenType type(TokenId token) const { return tables_.type(token); }

  // The token with this name among those that text is searched for (control, user-defined), or kNoToken.
  [[nodiscard]] TokenId find_special(std::string_view name) const;

  // Bytes of the longest piece: what a buffer for one token needs.
  [[nodiscard]] std::size_t longest_piece() const { return tables_.header().longest_piece; }

  // What the tables take of this process's own memory: nothing where they are mapped.
  [[nodiscard]] std::size_t memory_bytes() const { return block_.bytes().size(); }

  // Whether a text starts with a space that is not written (SentencePiece): decoding takes it off again.
  [[nodiscard]] bool starts_with_space() const { return space_prefix_; }

  [[nodiscard]] const Tables& tables() const { return tables_; }

 private:
  friend class Encoder;
  Tokenizer() = default;
  [[nodiscard]] static Result<Tokenizer> assemble(const VocabularySource& source, const TokenizerForm& form,
                                                  const Tables& tables);
  void take_roles(const VocabularySource& source, const TokenizerForm& form);

  TablesBlock block_;  // Empty where the tables are mapped.
  Tables tables_;
  PreTokenizer pre_tokenizer_;
  Normalization normalization_ = Normalization::kNone;
  ByteDigits byte_digits_ = ByteDigits::kAsTheyAre;
  SpecialTokens special_;
  std::vector<TokenId> end_tokens_;   // Ascending.
  std::vector<bool> special_starts_;  // [256] Whether a special token starts with the byte.
  bool space_prefix_ = false;
  bool lowercase_ = true;
  bool strip_accents_ = true;
};

}  // namespace linnet::text
