#include "runtime/text/tables.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/base/checked.h"

namespace linnet::text {
namespace {

// Walks the block section by section; a section that does not fit ends the walk.
class Sections {
 public:
  Sections(std::span<const std::byte> block, std::uint64_t start) : block_(block), at_(start) {}

  template <class T>
  bool take(const T*& section, std::uint64_t count) {
    const auto size = checked_multiply(count, sizeof(T));
    if (!size || !fits_inside(at_, *size, block_.size())) return false;
    section = reinterpret_cast<const T*>(block_.data() + at_);
    const auto next = checked_align(at_ + *size, 8);
    if (!next) return false;
    at_ = *next;
    return true;
  }

 private:
  std::span<const std::byte> block_;
  std::uint64_t at_;
};

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorKind::kMalformed, "tokenizer tables: " + what + "; pack the model again");
}

bool is_type(TokenType type) {
  const auto value = static_cast<std::uint8_t>(type);
  return value >= static_cast<std::uint8_t>(TokenType::kNormal) && value <= static_cast<std::uint8_t>(TokenType::kByte);
}

}  // namespace

std::uint32_t Tables::hash_of(std::string_view text) {
  std::uint64_t hash = 0x9E3779B97F4A7C15u ^ text.size();
  const char* data = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, data += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  }
  std::uint64_t word = 0;
  std::memcpy(&word, data, left);
  hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
  hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(hash >> 32);
}

Result<Tables> Tables::view(std::span<const std::byte> block) {
  if (reinterpret_cast<std::uintptr_t>(block.data()) % 8 != 0) return damaged("the block is not aligned");
  if (block.size() < sizeof(TablesHeader)) return damaged("the block is cut off");
  Tables tables;
  tables.header_ = reinterpret_cast<const TablesHeader*>(block.data());
  const TablesHeader& header = *tables.header_;
  if (header.magic != TablesHeader::kMagic || header.version != 1) return damaged("another version");
  if (!std::has_single_bit(header.text_slots) || !std::has_single_bit(header.merge_slots) || header.merge_slots < 2 ||
      header.symbols < header.tokens) {
    return damaged("the header contradicts itself");
  }
  Sections sections(block, sizeof(TablesHeader));
  const bool fits =
      sections.take(tables.piece_offsets_, std::uint64_t{header.symbols} + 1) &&
      sections.take(tables.pieces_, header.piece_bytes) && sections.take(tables.types_, header.tokens) &&
      sections.take(tables.text_slots_, header.text_slots) && sections.take(tables.merge_slots_, header.merge_slots) &&
      sections.take(tables.byte_symbols_, 256) && sections.take(tables.specials_, header.specials) &&
      sections.take(tables.trie_, header.trie_entries) && sections.take(tables.trie_bytes_, header.trie_bytes);
  if (!fits) return damaged("the block is cut off");
  tables.text_mask_ = header.text_slots - 1;
  tables.merge_mask_ = header.merge_slots - 1;
  tables.merge_shift_ = static_cast<std::uint32_t>(32 - std::countr_zero(header.merge_slots));
  LINNET_CHECK(tables.check());
  return tables;
}

Result<void> Tables::check() const {
  const TablesHeader& header = *header_;
  const auto is_symbol = [&](Symbol symbol) { return symbol < header.symbols; };
  if (piece_offsets_[0] != 0 || piece_offsets_[header.symbols] > header.piece_bytes)
    return damaged("a piece lies outside");
  std::uint64_t longest = 0;
  for (std::uint32_t i = 0; i < header.symbols; ++i) {
    if (piece_offsets_[i] > piece_offsets_[i + 1]) return damaged("a piece lies outside");
    longest = std::max<std::uint64_t>(longest, piece_offsets_[i + 1] - piece_offsets_[i]);
  }
  if (longest != header.longest_piece) return damaged("no piece is as long as the longest");  // Memory is taken by it.
  for (std::uint32_t i = 0; i < header.tokens; ++i) {
    if (!is_type(types_[i])) return damaged("a token has no known type");
  }
  LINNET_CHECK(check_slots());
  LINNET_CHECK(check_trie());
  for (std::uint32_t i = 0; i < 256; ++i) {
    if (byte_symbols_[i] != kNoSymbol && !is_symbol(byte_symbols_[i])) return damaged("a byte has no symbol");
  }
  for (std::uint32_t i = 0; i < header.specials; ++i) {
    if (specials_[i] >= header.tokens || piece(specials_[i]).empty()) return damaged("a special token lies outside");
    if (i > 0 && piece(specials_[i - 1]) > piece(specials_[i])) return damaged("special tokens are out of order");
  }
  return {};
}

// A look-up ends at a free slot: there must be one, and never too far.
Result<void> Tables::check_slots() const {
  const TablesHeader& header = *header_;
  const auto longest_run = [](std::uint32_t slots, auto is_free) {
    std::uint32_t run = 0;
    std::uint32_t longest = 0;
    for (std::uint32_t i = 0; i < slots; ++i) {
      run = is_free(i) ? 0 : run + 1;
      longest = std::max(longest, run);
    }
    return longest == slots ? kLongestProbe + 1 : longest;
  };
  bool inside = true;
  const std::uint32_t texts = longest_run(header.text_slots, [&](std::uint32_t i) {
    const Symbol symbol = text_slots_[i].symbol;
    inside = inside && (symbol == kNoSymbol || symbol < header.symbols);
    return symbol == kNoSymbol;
  });
  const std::uint32_t merges = longest_run(header.merge_slots, [&](std::uint32_t i) {
    const bool free = merge_slots_[i].rank == kNoRank;
    inside = inside && (free || merge_slots_[i].merged < header.symbols);
    return free;
  });
  if (!inside) return damaged("a slot names no symbol");
  if (texts > kLongestProbe || merges > kLongestProbe) return damaged("a table is too full");
  return {};
}

Result<void> Tables::check_trie() const {
  std::uint64_t bytes = 0;
  std::uint32_t size = 0;  // Of the entry before.
  for (const TrieEntry& entry : trie()) {
    if (entry.token < 0 || static_cast<std::uint32_t>(entry.token) >= header_->tokens || entry.shared > size) {
      return damaged("a token's place is wrong");
    }
    size = std::uint32_t{entry.shared} + entry.own;
    if (size > header_->longest_piece) return damaged("a token is too long");
    bytes += entry.own;
  }
  if (bytes != header_->trie_bytes) return damaged("the tokens' bytes are cut off");
  return {};
}

}  // namespace linnet::text
