// Encoding by WordPiece: text cleaned and cut as BERT does, then the longest entry that fits, again and again.
#include <utf8proc.h>

#include <algorithm>
#include <cctype>

#include "runtime/text/encoder.h"
#include "runtime/text/normalize.h"
#include "runtime/text/unicode_differences.h"
#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kLongestWord = 100;  // Characters; longer words are unknown, as in the reference.

struct Range {
  std::int32_t first;
  std::int32_t last;
};

// The reference's blocks of Chinese characters, with its own misprint at 2B920 (Hugging Face's BertNormalizer).
constexpr Range kChinese[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
                              {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};

bool is_chinese(std::int32_t point) {
  return std::ranges::any_of(kChinese, [&](const Range& r) { return point >= r.first && point <= r.last; });
}

bool is_space(std::int32_t point) {
  if (point == '\t' || point == '\n' || point == '\r') return true;
  const auto category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

bool is_dropped(std::int32_t point) {
  if (point == 0 || point == static_cast<std::int32_t>(kReplacement)) return true;
  if (point == '\t' || point == '\n' || point == '\r') return false;
  return is_bert_dropped(point);
}

bool is_punctuation(std::int32_t point) {
  if (point < 0x80) return point > 0x20 && point < 0x7F && !std::isalnum(point);
  return is_bert_punctuation(point);
}

// Collects the characters of one word behind a space, the mark of a word's start in the tables.
class Word {
 public:
  Word() { clear(); }
  void clear() {
    bytes_[0] = ' ';
    size_ = 1;
    characters_ = 0;
  }
  void add(std::int32_t point) {
    if (characters_ < kLongestWord) size_ += write_code_point(static_cast<char32_t>(point), bytes_ + size_);
    ++characters_;
  }
  [[nodiscard]] bool empty() const { return characters_ == 0; }
  [[nodiscard]] bool too_long() const { return characters_ > kLongestWord; }
  [[nodiscard]] std::string_view text() const { return {bytes_, size_}; }

 private:
  char bytes_[1 + 4 * kLongestWord];
  std::size_t size_;
  std::size_t characters_;
};

}  // namespace

Result<void> Encoder::word_pieces(std::string_view text) {
  const bool strip = tokenizer_.strip_accents_;
  Word word;
  bool room = true;
  const auto finish = [&] {
    if (!word.empty()) room = room && word_piece(word.too_long() ? std::string_view() : word.text());
    word.clear();
  };
  const auto take = [&](std::int32_t point) {
    if (strip && is_bert_mark(point)) return;
    if (is_space(point)) return finish();
    const bool alone = is_punctuation(point) || is_chinese(point);
    if (alone) finish();
    word.add(tokenizer_.lowercase_ ? utf8proc_tolower(point) : point);
    if (!strip && tokenizer_.lowercase_ && point == 0x130) word.add(0x307);  // The only one that becomes two.
    if (alone) finish();
  };
  // Decomposition comes after cleaning in the reference; neither changes what the other sees.
  for (const std::int32_t point : to_nfd(text, scratch_.subspan(layout_.nodes))) {
    if (!is_dropped(point)) take(point);
  }
  finish();
  if (!room) return fail(ErrorKind::kExhausted, "the text has more than " + std::to_string(out_.size()) + " tokens");
  return {};
}

// `word` starts with a space; empty: unknown.
bool Encoder::word_piece(std::string_view word) {
  const std::size_t before = count_;
  std::size_t start = 0;
  while (start < word.size()) {
    std::size_t end = std::min(word.size(), start + tables_.header().longest_piece);
    const std::size_t least = start == 0 ? 2 : start + 1;
    Symbol found = kNoSymbol;
    for (; end >= least; --end) {
      found = tables_.find(word.substr(start, end - start));
      if (found != kNoSymbol) break;
    }
    if (found == kNoSymbol) break;
    if (!put(found)) return false;
    start = end;
  }
  if (start > 0 && start == word.size()) return true;
  count_ = before;
  return tokenizer_.special_.unknown == kNoToken || put(static_cast<Symbol>(tokenizer_.special_.unknown));
}

}  // namespace linnet::text
