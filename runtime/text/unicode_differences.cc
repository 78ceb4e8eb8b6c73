#include "runtime/text/unicode_differences.h"

#include <utf8proc.h>

#include <algorithm>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

struct CodeRange {
  char32_t first;
  char32_t last;
};
struct StandIn {
  char32_t first;
  char32_t last;
  char32_t stand_in;
};

#include "runtime/text/unicode_differences.inc"

template <class Range>
const Range* find(std::span<const Range> ranges, char32_t point) {
  const auto next = std::upper_bound(ranges.begin(), ranges.end(), point,
                                     [](char32_t p, const Range& range) { return p < range.first; });
  if (next == ranges.begin() || std::prev(next)->last < point) return nullptr;
  return &*std::prev(next);
}

bool is_in(std::span<const CodeRange> ranges, std::int32_t point) {
  return find(ranges, static_cast<char32_t>(point)) != nullptr;
}

// The next place from `at` whose character has a stand-in.
std::size_t next_newer(std::string_view text, std::size_t at, const StandIn*& found) {
  constexpr char kLowestLead = '\xE0';  // No character below U+0800 is newer.
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < static_cast<unsigned char>(kLowestLead)) {
      ++at;
      continue;
    }
    const CodePoint point = read_code_point(text.substr(at));
    found = find(std::span<const StandIn>(kStandIns), point.value);
    if (found != nullptr) return at;
    at += point.size;
  }
  return at;
}

}  // namespace

std::string_view with_stand_ins(std::string_view text, std::span<char> out) {
  const StandIn* found = nullptr;
  std::size_t at = next_newer(text, 0, found);
  if (at == text.size()) return text;
  std::ranges::copy(text, out.begin());
  while (at < text.size()) {
    at += write_code_point(found->stand_in, out.data() + at);
    at = next_newer(text, at, found);
  }
  return {out.data(), text.size()};
}

bool is_bert_mark(std::int32_t point) {
  return utf8proc_category(point) == UTF8PROC_CATEGORY_MN && !is_in(kNotMarks, point);
}

bool is_bert_dropped(std::int32_t point) {
  const auto category = utf8proc_category(point);
  const bool dropped =
      category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO;
  return dropped && !is_in(kNotDropped, point);
}

bool is_bert_punctuation(std::int32_t point) {
  const auto category = utf8proc_category(point);
  const bool punctuation = category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
  return (punctuation && !is_in(kNotPunctuation, point)) || is_in(kAlsoPunctuation, point);
}

}  // namespace linnet::text
