// Cuts text into the words that BPE merges in: regular expressions by name, run by PCRE2 in borrowed memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"

struct pcre2_real_code_8;

namespace linnet::text {

// What a tokenizer of one name does besides its expressions.
enum class Normalization : unsigned char { kNone, kNfc };
enum class WholeWords : unsigned char {
  kByMerging,  // A word becomes an entry of the vocabulary only where merges lead there.
  kFirst,      // A word that is an entry is taken as it is (`ignore_merges` of the reference).
};
enum class Alphabet : unsigned char { kBytes, kCharacters };
enum class ByteDigits : unsigned char {
  kAsTheyAre,
  kInThrees,  // Numbers are cut out after text became bytes, then in threes (`cut_byte_digits`).
};

enum class DigitGroups : unsigned char {
  kAsTheyAre,
  kThreesFromTheRight,  // What the first expression matches is cut in threes (`cut_digit_groups`).
};

// One row of the table: what `tokenizer.ggml.pre` names.
struct PreTokenizerRow {
  std::string_view name;
  std::span<const std::string_view> expressions;  // Each cuts what the one before left.
  Normalization normalization = Normalization::kNone;
  WholeWords whole_words = WholeWords::kByMerging;
  bool add_bos = false;  // Where the file does not say.
  bool add_separator = false;
  Alphabet alphabet = Alphabet::kBytes;
  ByteDigits byte_digits = ByteDigits::kAsTheyAre;
  DigitGroups digit_groups = DigitGroups::kAsTheyAre;
};

// All rows, for tests and documentation.
[[nodiscard]] std::span<const PreTokenizerRow> pre_tokenizers();

// The row of `name`; an empty name is "default". Errors: kUnsupported.
[[nodiscard]] Result<const PreTokenizerRow*> find_pre_tokenizer(std::string_view name);

// Compiled expressions. Immutable after compile(): threads may share it, each with memory of its own.
class PreTokenizer {
 public:
  PreTokenizer() = default;

  // Errors: kUnsupported (an expression that PCRE2 refuses, with its place).
  [[nodiscard]] static Result<PreTokenizer> compile(const PreTokenizerRow& row);

  // Memory that split() needs; it does not depend on the text.
  [[nodiscard]] static constexpr std::size_t scratch_bytes() { return std::size_t{256} * 1024; }

  // Calls `word` with the pieces of `text` in order; together they are the text. `text` is valid UTF-8. `word`
  // returns false to stop. Errors: kExhausted (an expression needs more memory or steps than there are).
  [[nodiscard]] Result<void> split(std::string_view text, std::span<std::byte> scratch,
                                   FunctionRef<bool(std::string_view)> word) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::vector<std::unique_ptr<pcre2_real_code_8, Free>> expressions_;
  DigitGroups digit_groups_ = DigitGroups::kAsTheyAre;
};

}  // namespace linnet::text
