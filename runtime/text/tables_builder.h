// Builds a vocabulary's lookup tables: once while packing, or at each start of a file that was not packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/pretokenizer.h"
#include "runtime/text/tables.h"
#include "runtime/text/vocabulary_source.h"

namespace linnet::text {

// The tensor (type I8, one dimension) of a packed file that holds the block.
inline constexpr std::string_view kTablesTensor = "linnet.tokenizer.tables";

// Owns a block with the alignment that Tables::view needs.
class TablesBlock {
 public:
  TablesBlock() = default;
  explicit TablesBlock(std::size_t bytes) : words_((bytes + 7) / 8), size_(bytes) {}

  [[nodiscard]] std::span<std::byte> bytes() { return {reinterpret_cast<std::byte*>(words_.data()), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

// What a vocabulary's model and pre-tokenizer come to.
struct TokenizerForm {
  TokenizerKind kind = TokenizerKind::kByteLevelBpe;
  const PreTokenizerRow* row = nullptr;  // Of the BPE kinds, else null.
};

// Errors: kUnsupported, naming the model or pre-tokenizer that is not known.
[[nodiscard]] Result<TokenizerForm> form_of(const VocabularySource& source);

// Errors: kMalformed (merges or tokens that contradict each other or break a limit).
[[nodiscard]] Result<TablesBlock> build_tables(const VocabularySource& source, const TokenizerForm& form);

// The tables of a file's vocabulary: what a packed file carries as the tensor kTablesTensor. Errors: those of
// read_vocabulary, form_of and above; kAbsent where the file has no tokenizer.
[[nodiscard]] Result<TablesBlock> build_tables(const gguf::Reader& file);

}  // namespace linnet::text
