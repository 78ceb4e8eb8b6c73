#include <algorithm>
#include <concepts>
#include <cstring>

#include "runtime/text/byte_level.h"
#include "runtime/text/merger.h"
#include "runtime/text/tables_content.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

tl::unexpected<Error> malformed(const std::string& what) { return fail(ErrorKind::kMalformed, "vocabulary: " + what); }

template <std::unsigned_integral T>
constexpr T padded(T bytes) {
  return (bytes + 7) & ~T{7};
}

bool has_inner_space(std::string_view piece) {
  for (std::size_t i = 1; i < piece.size(); ++i) {
    if (piece[i] == ' ' && piece[i - 1] != ' ') return true;
  }
  return false;
}

bool is_one_character(std::string_view text) {
  if (text.empty()) return false;
  const CodePoint point = read_code_point(text);
  return point.state == Utf8State::kValid && point.size == text.size();
}

class Layout {
 public:
  explicit Layout(const TablesContent& content) : content_(content), kind_(content.form.kind) {}

  Result<TablesBlock> lay_out() {
    order_tokens();
    LINNET_CHECK(fill());
    LINNET_CHECK(fill_texts());
    return std::move(block_);
  }

 private:
  bool is_by_characters() const {
    return kind_ == TokenizerKind::kCharacterBpe || kind_ == TokenizerKind::kSentencePiece;
  }

  // Every token that stands for text, ordered by its bytes, says how much of them the one before has too.
  void order_tokens() {
    std::vector<Symbol> order;
    for (Symbol i = 0; i < content_.types.size(); ++i) {
      const bool is_text = content_.is_text(i) || content_.types[i] == TokenType::kByte;
      if (is_text && content_.types[i] != TokenType::kUnused && !content_.pieces[i].empty()) order.push_back(i);
    }
    std::ranges::stable_sort(order, {}, [&](Symbol i) { return std::string_view(content_.pieces[i]); });
    std::string_view before;
    for (const Symbol i : order) {
      const std::string_view piece = content_.pieces[i];
      const auto own = std::mismatch(before.begin(), before.end(), piece.begin(), piece.end()).second;
      const auto shared = static_cast<std::uint32_t>(own - piece.begin());
      trie_.push_back({static_cast<TokenId>(i), static_cast<std::uint16_t>(shared),
                       static_cast<std::uint16_t>(piece.size() - shared)});
      trie_bytes_.append(own, piece.end());
      before = piece;
    }
  }

  TablesHeader header() const {
    TablesHeader header;
    header.kind = kind_;
    header.tokens = static_cast<std::uint32_t>(content_.types.size());
    header.symbols = static_cast<std::uint32_t>(content_.pieces.size());
    header.text_slots = std::bit_ceil(2 * header.symbols + 2);
    header.merge_slots = std::bit_ceil(static_cast<std::uint32_t>(2 * content_.merges.size() + 2));
    header.specials = static_cast<std::uint32_t>(content_.specials.size());
    header.trie_entries = static_cast<std::uint32_t>(trie_.size());
    header.trie_bytes = trie_bytes_.size();
    header.words_end_at_spaces = is_by_characters() ? 1 : 0;
    for (Symbol i = 0; i < header.symbols; ++i) {
      const std::string_view piece = content_.pieces[i];
      header.piece_bytes += piece.size();
      header.longest_piece = std::max(header.longest_piece, static_cast<std::uint32_t>(piece.size()));
      if (content_.is_text(i) && has_inner_space(piece)) header.words_end_at_spaces = 0;
    }
    return header;
  }

  template <class T>
  std::span<T> section(std::size_t count) {
    const std::span<T> out(reinterpret_cast<T*>(block_.bytes().data() + at_), count);
    at_ += padded(count * sizeof(T));
    return out;
  }

  Result<void> fill() {
    const TablesHeader head = header();
    const std::uint64_t size =
        sizeof head + padded((std::size_t{head.symbols} + 1) * 4) + padded(head.piece_bytes) + padded(head.tokens) +
        head.text_slots * sizeof(TextSlot) + head.merge_slots * sizeof(Merge) + 256 * sizeof(Symbol) +
        padded(head.specials * sizeof(Symbol)) + head.trie_entries * sizeof(TrieEntry) + padded(head.trie_bytes);
    if (head.piece_bytes > UINT32_MAX || size > SIZE_MAX) return malformed("more than 4 GiB of text");
    block_ = TablesBlock(static_cast<std::size_t>(size));
    section<TablesHeader>(1)[0] = head;
    const auto offsets = section<std::uint32_t>(std::size_t{head.symbols} + 1);
    fill_pieces(offsets, section<char>(static_cast<std::size_t>(head.piece_bytes)));
    std::ranges::copy(content_.types, section<TokenType>(head.tokens).begin());
    texts_ = section<TextSlot>(head.text_slots);
    std::ranges::fill(texts_, TextSlot{});
    LINNET_CHECK(fill_merges(section<Merge>(head.merge_slots)));
    std::ranges::copy(content_.byte_symbols, section<Symbol>(256).begin());
    std::ranges::copy(content_.specials, section<Symbol>(head.specials).begin());
    std::ranges::copy(trie_, section<TrieEntry>(head.trie_entries).begin());
    std::ranges::copy(trie_bytes_, section<char>(static_cast<std::size_t>(head.trie_bytes)).begin());
    return {};
  }

  void fill_pieces(std::span<std::uint32_t> offsets, std::span<char> out) {
    std::uint32_t offset = 0;
    for (std::size_t i = 0; i < content_.pieces.size(); ++i) {
      offsets[i] = offset;
      std::ranges::copy(content_.pieces[i], out.data() + offset);
      offset += static_cast<std::uint32_t>(content_.pieces[i].size());
    }
    offsets[content_.pieces.size()] = offset;
  }

  Result<void> fill_merges(std::span<Merge> slots) {
    std::ranges::fill(slots, Merge{});
    const auto mask = static_cast<std::uint32_t>(slots.size() - 1);
    const int shift = 32 - std::countr_zero(static_cast<std::uint32_t>(slots.size()));
    for (const Merge& merge : content_.merges) {
      std::uint32_t slot = Tables::hash_of(merge.left, merge.right) >> shift;
      std::uint32_t probes = 0;
      while (slots[slot].rank != kNoRank && (slots[slot].left != merge.left || slots[slot].right != merge.right)) {
        slot = (slot + 1) & mask;
        if (++probes > kLongestProbe) return malformed("its merges were made to be slow to look up");
      }
      if (slots[slot].rank == kNoRank) slots[slot] = merge;  // Of equal rules the first counts.
    }
    return {};
  }

  // The table from text to symbol has exactly what encoding may take without merging: characters to start from, and
  // words that merging would turn into that one token.
  Result<void> fill_texts() {
    LINNET_TRY(const Tables tables, Tables::view(block_.bytes()));
    const std::size_t longest = tables.header().longest_piece + 1;
    std::vector<MergeNode> nodes(longest);
    std::vector<std::uint64_t> heap(Merger::heap_count(longest));
    Merger merger(tables, nodes, heap);
    if (is_by_characters()) {
      for (Symbol i = 0; i < content_.pieces.size(); ++i) {
        if (content_.is_text(i) && is_one_character(content_.pieces[i])) LINNET_CHECK(insert(tables, i));
      }
    }
    for (Symbol i = 0; i < content_.types.size(); ++i) {
      if (is_word(tables, merger, i)) LINNET_CHECK(insert(tables, i));
    }
    return {};
  }

  bool is_word(const Tables& tables, Merger& merger, Symbol symbol) const {
    const std::string_view text = content_.texts[symbol];
    if (text.empty() || !content_.first[symbol]) return false;
    switch (kind_) {
      case TokenizerKind::kWordPiece: return content_.types[symbol] == TokenType::kNormal;
      case TokenizerKind::kByteLevelBpe: {
        std::string bytes;
        if (!append_byte_level(text, bytes) || bytes != content_.pieces[symbol]) return false;
        return content_.form.row->whole_words == WholeWords::kFirst || bytes_merge_to(merger, symbol);
      }
      case TokenizerKind::kCharacterBpe:
        // Newlines are taken as they come where they are a token, as llama.cpp does for these vocabularies.
        if (text.find_first_not_of('\n') == std::string_view::npos) return true;
        [[fallthrough]];
      case TokenizerKind::kSentencePiece:
        return content_.is_text(symbol) && valid_prefix(text) == text.size() &&
               characters_merge_to(tables, merger, symbol);
    }
    return false;
  }

  bool bytes_merge_to(Merger& merger, Symbol symbol) const {
    merger.clear();
    for (const char c : content_.pieces[symbol]) {
      const Symbol byte = content_.byte_symbols[static_cast<std::uint8_t>(c)];
      if (byte == kNoSymbol) return false;
      merger.add(byte, 0);
    }
    merger.merge();
    return merger.nodes().size() == 1 && merger.nodes()[0].symbol == symbol;
  }

  bool characters_merge_to(const Tables& tables, Merger& merger, Symbol symbol) const {
    merger.clear();
    std::string_view piece = content_.pieces[symbol];
    while (!piece.empty()) {
      const std::size_t size = read_code_point(piece).size;
      const Symbol character = tables.find(piece.substr(0, size));
      if (character == kNoSymbol) return false;
      merger.add(character, 0);
      piece.remove_prefix(size);
    }
    merger.merge();
    return merger.nodes().size() == 1 && merger.nodes()[0].symbol == symbol;
  }

  Result<void> insert(const Tables& tables, Symbol symbol) {
    const std::string_view piece = content_.pieces[symbol];
    const std::uint32_t hash = Tables::hash_of(piece);
    const auto mask = static_cast<std::uint32_t>(texts_.size() - 1);
    std::uint32_t slot = hash & mask;
    for (std::uint32_t probes = 0; texts_[slot].symbol != kNoSymbol; slot = (slot + 1) & mask) {
      if (texts_[slot].hash == hash && tables.piece(texts_[slot].symbol) == piece) return {};
      if (++probes > kLongestProbe) return malformed("its texts were made to be slow to look up");
    }
    texts_[slot] = {hash, symbol};
    return {};
  }

  const TablesContent& content_;
  TokenizerKind kind_;
  std::vector<TrieEntry> trie_;
  std::string trie_bytes_;
  TablesBlock block_;
  std::size_t at_ = 0;
  std::span<TextSlot> texts_;  // In the block.
};

}  // namespace

Result<TablesBlock> lay_out_tables(const TablesContent& content) { return Layout(content).lay_out(); }

}  // namespace linnet::text
