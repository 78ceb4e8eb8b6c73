// A vocabulary's lookup tables in one block of bytes that is built once and then mapped: nothing to parse at start.
//
// Everything inside is an offset or an index, so the block may lie in a file. `view` checks every one of them, so
// that a damaged block is refused and lookups need no checks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/token.h"

namespace linnet::text {

// A symbol is what merging works on: the tokens, then pieces that are no token but part of one.
using Symbol = std::uint32_t;
inline constexpr Symbol kNoSymbol = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoRank = 0xFFFFFFFF;

// Slots that a look-up may have to pass; tables that need more were made to be slow and are refused.
inline constexpr std::uint32_t kLongestProbe = 4096;

// How text becomes tokens.
enum class TokenizerKind : std::uint32_t {
  kByteLevelBpe,   // Bytes are merged by rank inside the pieces of a pre-tokenizer.
  kCharacterBpe,   // Characters are merged by rank; spaces are a character of their own; bytes as a last resort.
  kSentencePiece,  // Characters are merged by the score of what comes out; bytes as a last resort.
  kWordPiece,      // The longest entry that starts a word, then the longest that continues it.
};

// One merge rule: `left` and `right`, side by side, become `merged`. The lowest rank goes first.
struct Merge {
  Symbol left = kNoSymbol;
  Symbol right = kNoSymbol;
  std::uint32_t rank = kNoRank;
  Symbol merged = kNoSymbol;
};

// One slot of the hash table from text to symbol.
struct TextSlot {
  std::uint32_t hash = 0;
  Symbol symbol = kNoSymbol;
};

// A token in the order of the tokens' bytes.
struct TrieEntry {
  TokenId token = kNoToken;
  std::uint16_t shared = 0;  // Bytes at the start that are those of the entry before.
  std::uint16_t own = 0;     // Bytes after them, next in trie_bytes().
};

// The block's first bytes. Sections follow in the order of the fields, each 8-byte aligned.
struct TablesHeader {
  static constexpr std::uint64_t kMagic = 0x31'4B'4F'54'54'4E'4C'4C;  // "LLNTTOK1"

  std::uint64_t magic = kMagic;
  std::uint32_t version = 1;
  TokenizerKind kind = TokenizerKind::kByteLevelBpe;
  std::uint32_t tokens = 0;
  std::uint32_t symbols = 0;      // At least `tokens`.
  std::uint32_t text_slots = 0;   // A power of two.
  std::uint32_t merge_slots = 0;  // A power of two.
  std::uint32_t specials = 0;
  std::uint32_t longest_piece = 0;        // Bytes.
  std::uint32_t words_end_at_spaces = 0;  // 1: no piece has a space after another character, so words merge alone.
  std::uint32_t trie_entries = 0;
  std::uint64_t piece_bytes = 0;
  std::uint64_t trie_bytes = 0;
};

class Tables {
 public:
  Tables() = default;

  // Checks the block, which must outlive the view and be 8-byte aligned. Errors: kMalformed.
  [[nodiscard]] static Result<Tables> view(std::span<const std::byte> block);

  [[nodiscard]] const TablesHeader& header() const { return *header_; }
  [[nodiscard]] std::uint32_t token_count() const { return header_->tokens; }

  // The bytes of text that a token stands for; a space where a vocabulary writes U+2581.
  [[nodiscard]] std::string_view piece(Symbol symbol) const {
    return {pieces_ + piece_offsets_[symbol], piece_offsets_[symbol + 1] - piece_offsets_[symbol]};
  }
  [[nodiscard]] TokenType type(TokenId token) const { return types_[static_cast<std::uint32_t>(token)]; }

  // The symbol that `text` becomes as a whole (a word or a single character), or kNoSymbol.
  [[nodiscard]] Symbol find(std::string_view text) const {
    const std::uint32_t hash = hash_of(text);
    for (std::uint32_t at = hash & text_mask_;; at = (at + 1) & text_mask_) {
      const TextSlot& slot = text_slots_[at];
      if (slot.symbol == kNoSymbol) return kNoSymbol;
      if (slot.hash == hash && piece(slot.symbol) == text) return slot.symbol;
    }
  }

  // The rule that merges `left` and `right`; rank kNoRank where there is none.
  [[nodiscard]] const Merge& merge(Symbol left, Symbol right) const {
    for (std::uint32_t at = hash_of(left, right) >> merge_shift_;; at = (at + 1) & merge_mask_) {
      const Merge& slot = merge_slots_[at];
      if ((slot.left == left && slot.right == right) || slot.rank == kNoRank) return slot;
    }
  }

  // What a lone byte becomes before merging (byte-level), or where nothing else covers it (the others).
  [[nodiscard]] Symbol byte_symbol(std::uint8_t byte) const { return byte_symbols_[byte]; }

  // Tokens that are looked for in text before anything else (control, user-defined, unknown), in the order of their
  // bytes.
  [[nodiscard]] std::span<const Symbol> specials() const { return {specials_, header_->specials}; }

  // The tokens that stand for text, ordered by their bytes: what a grammar's masks walk.
  [[nodiscard]] std::span<const TrieEntry> trie() const { return {trie_, header_->trie_entries}; }
  [[nodiscard]] std::span<const std::uint8_t> trie_bytes() const {
    return {trie_bytes_, static_cast<std::size_t>(header_->trie_bytes)};
  }

  [[nodiscard]] static std::uint32_t hash_of(std::string_view text);
  [[nodiscard]] static std::uint32_t hash_of(Symbol left, Symbol right) {
    const std::uint64_t key = (std::uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u;
    return static_cast<std::uint32_t>((key ^ key >> 29) >> 32);
  }

 private:
  [[nodiscard]] Result<void> check() const;
  [[nodiscard]] Result<void> check_slots() const;
  [[nodiscard]] Result<void> check_trie() const;

  const TablesHeader* header_ = nullptr;
  const std::uint32_t* piece_offsets_ = nullptr;  // [symbols + 1]
  const char* pieces_ = nullptr;                  // [piece_bytes]
  const TokenType* types_ = nullptr;              // [tokens]
  const TextSlot* text_slots_ = nullptr;          // [text_slots]
  const Merge* merge_slots_ = nullptr;            // [merge_slots]
  const Symbol* byte_symbols_ = nullptr;          // [256]
  const Symbol* specials_ = nullptr;              // [specials]
  const TrieEntry* trie_ = nullptr;               // [trie_entries]
  const std::uint8_t* trie_bytes_ = nullptr;      // [trie_bytes]
  std::uint32_t text_mask_ = 0;
  std::uint32_t merge_mask_ = 0;
  std::uint32_t merge_shift_ = 0;
};

}  // namespace linnet::text
