#include "runtime/text/tables_content.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/text/byte_level.h"
#include "runtime/text/end_of_generation.h"
#include "runtime/text/text_index.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, a space in SentencePiece vocabularies.
constexpr std::size_t kLongestSpecial = 1024;            // Bytes; each place of a text may be compared with all of it.
constexpr std::size_t kLongestScored = 1024;             // Bytes; every way to cut a scored piece in two is looked up.

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
    const bool space = text.starts_with(kSpaceMark);
    out += space ? ' ' : text[0];
    text.remove_prefix(space ? kSpaceMark.size() : 1);
  }
  return out;
}

class Collector {
 public:
  Collector(const VocabularySource& source, const TokenizerForm& form)
      : source_(source), kind_(form.kind), index_(source.tokens.size() + source.merges.size() / 4) {
    content_.form = form;
  }

  Result<TablesContent> collect() {
    LINNET_CHECK(take_tokens());
    take_byte_symbols();
    if (kind_ == TokenizerKind::kByteLevelBpe || kind_ == TokenizerKind::kCharacterBpe) LINNET_CHECK(take_merges());
    if (kind_ == TokenizerKind::kSentencePiece) LINNET_CHECK(make_scored_merges());
    if (!spread_) return malformed("its texts were made to be slow to look up");
    return std::move(content_);
  }

 private:
  Result<void> take_tokens() {
    for (std::size_t i = 0; i < source_.tokens.size(); ++i) {
      const std::string_view text = source_.tokens[i];
      TokenType type = source_.types[i];
      if (type == TokenType::kNormal && looks_like_end_of_generation(text)) type = TokenType::kControl;
      content_.types.push_back(type);
      add_symbol(text, piece_of(text, type));
      const bool special =
          type == TokenType::kControl || type == TokenType::kUserDefined || type == TokenType::kUnknown;
      if (!special || text.empty()) continue;
      if (text.size() > kLongestSpecial) {
        return malformed("special token " + std::to_string(i) + " has " + std::to_string(text.size()) + " bytes");
      }
      content_.specials.push_back(static_cast<Symbol>(i));
    }
    std::ranges::stable_sort(content_.specials, {},
                             [&](Symbol symbol) { return std::string_view(content_.pieces[symbol]); });
    return {};
  }

  Symbol add_symbol(std::string_view text, std::string piece) {
    const auto symbol = static_cast<Symbol>(content_.pieces.size());
    content_.texts.push_back(text);
    content_.pieces.push_back(std::move(piece));
    if (!index_.insert(text, symbol)) spread_ = false;
    content_.first.push_back(index_.find(text) == symbol);
    return symbol;
  }

  // The symbol of a text as the vocabulary writes it; a new one, no token, where it has none.
  Symbol symbol_of(std::string_view text) {
    if (const Symbol found = index_.find(text); found != kNoSymbol) return found;
    return add_symbol(content_.own_texts.emplace_back(text), decoded(text));
  }

  std::string piece_of(std::string_view text, TokenType type) const {
    if (type == TokenType::kByte) {
      if (const auto byte = byte_named_by(text)) return std::string(1, static_cast<char>(*byte));
      return std::string(text);
    }
    return type == TokenType::kNormal || type == TokenType::kUnused ? decoded(text) : std::string(text);
  }

  std::string decoded(std::string_view text) const {
    if (kind_ != TokenizerKind::kByteLevelBpe) return with_spaces(text);
    std::string bytes;
    return append_byte_level(text, bytes) ? bytes : std::string(text);
  }

  void take_byte_symbols() {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      char text[6] = {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
      std::size_t size = sizeof text;
      if (kind_ == TokenizerKind::kByteLevelBpe) {
        size = write_code_point(byte_level_character(static_cast<std::uint8_t>(byte)), text);
      }
      content_.byte_symbols.push_back(index_.find({text, size}));
    }
  }

  Result<void> take_merges() {
    if (source_.merges.empty()) return malformed("no merges (tokenizer.ggml.merges)");
    std::string both;
    for (std::size_t i = 0; i < source_.merges.size(); ++i) {
      const std::string_view rule = source_.merges[i];
      const std::size_t gap = rule.find(' ', 1);
      if (gap == std::string_view::npos || gap + 1 >= rule.size()) {
        return malformed("merge " + std::to_string(i) + " has not two parts");
      }
      both = rule.substr(0, gap);
      both += rule.substr(gap + 1);
      content_.merges.push_back({symbol_of(rule.substr(0, gap)), symbol_of(rule.substr(gap + 1)),
                                 static_cast<std::uint32_t>(i), symbol_of(both)});
    }
    return {};
  }

  // SentencePiece merges neighbours whenever the text of both is a piece, the highest score first. The rules are all
  // ways to cut a piece in two symbols; equal scores get equal ranks, so that the leftmost goes first.
  Result<void> make_scored_merges() {
    if (source_.scores.empty()) return malformed("no scores (tokenizer.ggml.scores)");
    std::vector<Symbol> scored;
    for (Symbol i = 0; i < content_.types.size(); ++i) {
      const std::string_view text = content_.texts[i];
      if (!content_.is_text(i) || !content_.first[i] || valid_prefix(text) != text.size()) continue;
      if (text.size() > kLongestScored) return malformed("token " + std::to_string(i) + " is too long to be merged");
      if (std::isnan(source_.scores[i])) return malformed("token " + std::to_string(i) + " has no score");
      scored.push_back(i);
    }
    for (const Symbol symbol : scored) name_characters(content_.texts[symbol]);
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
    for (std::size_t size = 0; !text.empty(); text.remove_prefix(size)) {
      size = read_code_point(text).size;
      (void)symbol_of(text.substr(0, size));
    }
  }

  void add_cuts(Symbol merged, std::uint32_t rank) {
    const std::string_view text = content_.texts[merged];
    if (text.empty()) return;
    for (std::size_t at = read_code_point(text).size; at < text.size(); at += read_code_point(text.substr(at)).size) {
      const Symbol left = index_.find(text.substr(0, at));
      const Symbol right = left == kNoSymbol ? kNoSymbol : index_.find(text.substr(at));
      if (right != kNoSymbol && content_.is_text(left) && content_.is_text(right)) {
        content_.merges.push_back({left, right, rank, merged});
      }
    }
  }

  const VocabularySource& source_;
  TokenizerKind kind_;
  TextIndex index_;  // By the text as the vocabulary writes it.
  bool spread_ = true;
  TablesContent content_;
};

}  // namespace

Result<TablesContent> collect_tables(const VocabularySource& source, const TokenizerForm& form) {
  return Collector(source, form).collect();
}

}  // namespace linnet::text
