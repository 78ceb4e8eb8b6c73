#include "runtime/text/tables_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>

#include "runtime/text/byte_level.h"
#include "runtime/text/end_of_generation.h"
#include "runtime/text/merger.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, a space in SentencePiece vocabularies.
constexpr std::size_t kLongestSpecial = 1024;            // Bytes; each place of a text may be compared with all of it.
constexpr std::size_t kLongestScored = 1024;             // Bytes; every way to cut a scored piece in two is looked up.
constexpr std::uint32_t kLongestProbe = 4096;            // A table that needs more was made to be slow.

tl::unexpected<Error> malformed(const std::string& what) { return fail(ErrorKind::kMalformed, "vocabulary: " + what); }

// "<0x0A>" as its byte.
std::optional<std::uint8_t> byte_named_by(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const int high = digit(text[3]);
  const int low = digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::uint8_t>(high * 16 + low);
}

std::string with_spaces(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with(kSpaceMark)) {
      out += ' ';
      text.remove_prefix(kSpaceMark.size());
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
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

class Builder {
 public:
  Builder(const VocabularySource& source, const TokenizerForm& form) : source_(source), kind_(form.kind), form_(form) {}

  Result<TablesBlock> build() {
    LINNET_CHECK(take_tokens());
    take_byte_symbols();
    if (is_merged_by_rank()) LINNET_CHECK(take_merges());
    if (kind_ == TokenizerKind::kSentencePiece) LINNET_CHECK(make_scored_merges());
    LINNET_CHECK(lay_out());
    LINNET_CHECK(fill_texts());
    return std::move(block_);
  }

 private:
  bool is_merged_by_rank() const {
    return kind_ == TokenizerKind::kByteLevelBpe || kind_ == TokenizerKind::kCharacterBpe;
  }
  bool is_by_characters() const {
    return kind_ == TokenizerKind::kCharacterBpe || kind_ == TokenizerKind::kSentencePiece;
  }

  Result<void> take_tokens() {
    symbols_.reserve(source_.tokens.size());
    for (std::size_t i = 0; i < source_.tokens.size(); ++i) {
      const std::string_view text = source_.tokens[i];
      TokenType type = source_.types[i];
      if (type == TokenType::kNormal && looks_like_end_of_generation(text)) type = TokenType::kControl;
      types_.push_back(type);
      symbols_.emplace(text, static_cast<Symbol>(i));  // Of equal texts the first counts.
      pieces_.push_back(piece_of(text, type));
      const bool special =
          type == TokenType::kControl || type == TokenType::kUserDefined || type == TokenType::kUnknown;
      if (!special || text.empty()) continue;
      if (text.size() > kLongestSpecial) {
        return malformed("special token " + std::to_string(i) + " has " + std::to_string(text.size()) + " bytes");
      }
      specials_.push_back(static_cast<Symbol>(i));
    }
    std::ranges::stable_sort(specials_, {}, [&](Symbol symbol) { return std::string_view(pieces_[symbol]); });
    return {};
  }

  std::string piece_of(std::string_view text, TokenType type) const {
    if (type == TokenType::kByte) {
      if (const auto byte = byte_named_by(text)) return std::string(1, static_cast<char>(*byte));
      return std::string(text);
    }
    if (type != TokenType::kNormal && type != TokenType::kUnused) return std::string(text);
    return decoded(text);
  }

  std::string decoded(std::string_view text) const {
    if (kind_ != TokenizerKind::kByteLevelBpe) return with_spaces(text);
    std::string bytes;
    return append_byte_level(text, bytes) ? bytes : std::string(text);
  }

  // The symbol of a text as the vocabulary writes it; a new one, no token, where it has none.
  Symbol symbol_of(std::string text) {
    if (const auto found = symbols_.find(text); found != symbols_.end()) return found->second;
    const auto symbol = static_cast<Symbol>(pieces_.size());
    pieces_.push_back(decoded(text));
    symbols_.emplace(own_texts_.emplace_back(std::move(text)), symbol);
    return symbol;
  }

  void take_byte_symbols() {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::string text = {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
      if (kind_ == TokenizerKind::kByteLevelBpe) {
        text.resize(4);
        text.resize(write_code_point(byte_level_character(static_cast<std::uint8_t>(byte)), text.data()));
      }
      const auto found = symbols_.find(text);
      byte_symbols_.push_back(found == symbols_.end() ? kNoSymbol : found->second);
    }
  }

  Result<void> take_merges() {
    if (source_.merges.empty()) return malformed("no merges (tokenizer.ggml.merges)");
    for (std::size_t i = 0; i < source_.merges.size(); ++i) {
      const std::string_view rule = source_.merges[i];
      const std::size_t gap = rule.find(' ', 1);
      if (gap == std::string_view::npos || gap + 1 >= rule.size()) {
        return malformed("merge " + std::to_string(i) + " has not two parts");
      }
      std::string left(rule.substr(0, gap));
      std::string right(rule.substr(gap + 1));
      std::string both = left + right;
      merges_.push_back({symbol_of(std::move(left)), symbol_of(std::move(right)), static_cast<std::uint32_t>(i),
                         symbol_of(std::move(both))});
    }
    return {};
  }

  // SentencePiece merges neighbours whenever the text of both is a piece, the highest score first. The rules are all
  // ways to cut a piece in two symbols; equal scores get equal ranks, so that the leftmost goes first.
  Result<void> make_scored_merges() {
    if (source_.scores.empty()) return malformed("no scores (tokenizer.ggml.scores)");
    std::vector<Symbol> scored;
    for (std::size_t i = 0; i < source_.tokens.size(); ++i) {
      const bool merges =
          types_[i] == TokenType::kNormal || types_[i] == TokenType::kUserDefined || types_[i] == TokenType::kUnused;
      const std::string_view text = source_.tokens[i];
      if (!merges || symbols_.at(text) != i || valid_prefix(text) != text.size()) continue;
      if (text.size() > kLongestScored) return malformed("token " + std::to_string(i) + " is too long to be merged");
      if (std::isnan(source_.scores[i])) return malformed("token " + std::to_string(i) + " has no score");
      scored.push_back(static_cast<Symbol>(i));
      name_characters(text);
    }
    std::ranges::stable_sort(scored, std::greater<>(), [&](Symbol symbol) { return source_.scores[symbol]; });
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      if (i > 0 && source_.scores[scored[i]] < source_.scores[scored[i - 1]]) ++rank;
      add_cuts(scored[i], rank);
    }
    return {};
  }

  // Every character of a piece is a symbol, token or not.
  void name_characters(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = read_code_point(text.substr(at)).size;
      (void)symbol_of(std::string(text.substr(at, size)));
      at += size;
    }
  }

  void add_cuts(Symbol merged, std::uint32_t rank) {
    const std::string_view text = source_.tokens[merged];
    for (std::size_t at = read_code_point(text).size; at < text.size(); at += read_code_point(text.substr(at)).size) {
      const auto left = symbols_.find(text.substr(0, at));
      const auto right = symbols_.find(text.substr(at));
      if (left == symbols_.end() || right == symbols_.end()) continue;
      if (may_be_part(left->second) && may_be_part(right->second)) {
        merges_.push_back({left->second, right->second, rank, merged});
      }
    }
  }

  bool may_be_part(Symbol symbol) const {
    if (symbol >= types_.size()) return true;
    const TokenType type = types_[symbol];
    return type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kUnused;
  }

  template <class T>
  std::span<T> section(std::size_t& at, std::size_t count) {
    const std::span<T> out(reinterpret_cast<T*>(block_.bytes().data() + at), count);
    at = (at + count * sizeof(T) + 7) & ~std::size_t{7};
    return out;
  }

  TablesHeader header() const {
    TablesHeader header;
    header.kind = kind_;
    header.tokens = static_cast<std::uint32_t>(types_.size());
    header.symbols = static_cast<std::uint32_t>(pieces_.size());
    header.text_slots = std::bit_ceil(2 * header.symbols + 2);
    header.merge_slots = std::bit_ceil(static_cast<std::uint32_t>(2 * merges_.size() + 2));
    header.specials = static_cast<std::uint32_t>(specials_.size());
    header.words_end_at_spaces = is_by_characters() ? 1 : 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      header.piece_bytes += pieces_[i].size();
      header.longest_piece = std::max(header.longest_piece, static_cast<std::uint32_t>(pieces_[i].size()));
      if (may_be_part(static_cast<Symbol>(i)) && has_inner_space(pieces_[i])) header.words_end_at_spaces = 0;
    }
    return header;
  }

  Result<void> lay_out() {
    const TablesHeader head = header();
    const auto padded = [](std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; };
    block_ = TablesBlock(sizeof head + padded((std::size_t{head.symbols} + 1) * 4) + padded(head.piece_bytes) +
                         padded(head.tokens) + head.text_slots * sizeof(TextSlot) + head.merge_slots * sizeof(Merge) +
                         256 * sizeof(Symbol) + padded(head.specials * sizeof(Symbol)));
    std::size_t at = 0;
    section<TablesHeader>(at, 1)[0] = head;
    fill_pieces(section<std::uint32_t>(at, std::size_t{head.symbols} + 1), at, head.piece_bytes);
    std::ranges::copy(types_, section<TokenType>(at, head.tokens).begin());
    texts_ = section<TextSlot>(at, head.text_slots);
    std::ranges::fill(texts_, TextSlot{});
    LINNET_CHECK(fill_merges(section<Merge>(at, head.merge_slots)));
    std::ranges::copy(byte_symbols_, section<Symbol>(at, 256).begin());
    std::ranges::copy(specials_, section<Symbol>(at, head.specials).begin());
    return {};
  }

  void fill_pieces(std::span<std::uint32_t> offsets, std::size_t& at, std::size_t bytes) {
    const std::span<char> out = section<char>(at, bytes);
    std::uint32_t offset = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      offsets[i] = offset;
      std::ranges::copy(pieces_[i], out.begin() + offset);
      offset += static_cast<std::uint32_t>(pieces_[i].size());
    }
    offsets[pieces_.size()] = offset;
  }

  Result<void> fill_merges(std::span<Merge> slots) {
    std::ranges::fill(slots, Merge{});
    const auto mask = static_cast<std::uint32_t>(slots.size() - 1);
    const int shift = 32 - std::countr_zero(static_cast<std::uint32_t>(slots.size()));
    for (const Merge& merge : merges_) {
      std::uint32_t slot = Tables::hash_of(merge.left, merge.right) >> shift;
      std::uint32_t probes = 0;
      while (slots[slot].rank != kNoRank && (slots[slot].left != merge.left || slots[slot].right != merge.right)) {
        slot = (slot + 1) & mask;
        if (++probes > kLongestProbe) return malformed("the merges do not spread");
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
      for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const auto symbol = static_cast<Symbol>(i);
        if (may_be_part(symbol) && is_one_character(pieces_[i])) LINNET_CHECK(insert(tables, symbol));
      }
    }
    for (std::size_t i = 0; i < types_.size(); ++i) {
      const auto symbol = static_cast<Symbol>(i);
      if (is_word(tables, merger, symbol)) LINNET_CHECK(insert(tables, symbol));
    }
    return {};
  }

  bool is_word(const Tables& tables, Merger& merger, Symbol symbol) const {
    const std::string_view text = source_.tokens[symbol];
    if (text.empty() || symbols_.at(text) != symbol) return false;
    switch (kind_) {
      case TokenizerKind::kWordPiece: return types_[symbol] == TokenType::kNormal;
      case TokenizerKind::kByteLevelBpe: {
        std::string bytes;
        if (!append_byte_level(text, bytes) || bytes != pieces_[symbol]) return false;
        return form_.row->whole_words == WholeWords::kFirst || merges_to(merger, symbol);
      }
      case TokenizerKind::kCharacterBpe:
      case TokenizerKind::kSentencePiece:
        if (kind_ == TokenizerKind::kCharacterBpe && text.find_first_not_of('\n') == std::string_view::npos)
          return true;
        return may_be_part(symbol) && valid_prefix(text) == text.size() && merges_to(tables, merger, symbol);
    }
    return false;
  }

  bool merges_to(Merger& merger, Symbol symbol) const {
    merger.clear();
    for (const char c : pieces_[symbol]) {
      const Symbol byte = byte_symbols_[static_cast<std::uint8_t>(c)];
      if (byte == kNoSymbol) return false;
      merger.add(byte, 0);
    }
    merger.merge();
    return merger.nodes().size() == 1 && merger.nodes()[0].symbol == symbol;
  }

  bool merges_to(const Tables& tables, Merger& merger, Symbol symbol) const {
    merger.clear();
    std::string_view piece = pieces_[symbol];
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
    const std::string_view piece = pieces_[symbol];
    const std::uint32_t hash = Tables::hash_of(piece);
    const auto mask = static_cast<std::uint32_t>(texts_.size() - 1);
    std::uint32_t slot = hash & mask;
    for (std::uint32_t probes = 0; texts_[slot].symbol != kNoSymbol; slot = (slot + 1) & mask) {
      if (texts_[slot].hash == hash && tables.piece(texts_[slot].symbol) == piece) return {};
      if (++probes > kLongestProbe) return malformed("the tokens do not spread");
    }
    texts_[slot] = {hash, symbol};
    return {};
  }

  const VocabularySource& source_;
  TokenizerKind kind_;
  const TokenizerForm& form_;
  std::unordered_map<std::string_view, Symbol> symbols_;  // By the text as the vocabulary writes it.
  std::deque<std::string> own_texts_;                     // Of symbols that are no tokens.
  std::vector<std::string> pieces_;                       // [symbols]
  std::vector<TokenType> types_;                          // [tokens]
  std::vector<Symbol> byte_symbols_;                      // [256]
  std::vector<Symbol> specials_;
  std::vector<Merge> merges_;
  TablesBlock block_;
  std::span<TextSlot> texts_;  // In the block.
};

}  // namespace

Result<TokenizerForm> form_of(const VocabularySource& source) {
  if (source.model == "llama") return TokenizerForm{TokenizerKind::kSentencePiece, nullptr};
  if (source.model == "bert") return TokenizerForm{TokenizerKind::kWordPiece, nullptr};
  if (source.model != "gpt2" && source.model != "gemma4") {
    return fail(ErrorKind::kUnsupported, "unknown tokenizer '" + std::string(source.model.substr(0, 64)) +
                                             "' (tokenizer.ggml.model): this version knows gpt2, gemma4, llama, bert");
  }
  LINNET_TRY(const PreTokenizerRow* row, find_pre_tokenizer(source.model == "gemma4" ? "gemma4" : source.pre));
  const bool bytes = row->alphabet == Alphabet::kBytes;
  return TokenizerForm{bytes ? TokenizerKind::kByteLevelBpe : TokenizerKind::kCharacterBpe, row};
}

Result<TablesBlock> build_tables(const VocabularySource& source, const TokenizerForm& form) {
  return Builder(source, form).build();
}

}  // namespace linnet::text
