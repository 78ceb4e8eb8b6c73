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

// A character of a text that has a stand-in; null and the text's end where there is none.
struct Newer {
  std::size_t at = 0;
  const StandIn* range = nullptr;
};

// The first of them from `at`.
Newer next_newer(std::string_view text, std::size_t at) {
  constexpr unsigned char kLowestLead = 0xE0;  // No character below U+0800 is newer.
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < kLowestLead) {
      ++at;
      continue;
    }
    const CodePoint point = read_code_point(text.substr(at));
    const StandIn* range = find(std::span<const StandIn>(kStandIns), point.value);
    if (range != nullptr) return {at, range};
    at += point.size;
  }
  return {text.size(), nullptr};
}

}  // namespace

std::string_view with_stand_ins(std::string_view text, std::span<char> out) {
  Newer newer = next_newer(text, 0);
  if (newer.range == nullptr) return text;
  std::ranges::copy(text, out.begin());
  while (newer.range != nullptr) {
    const std::size_t size = write_code_point(newer.range->stand_in, out.data() + newer.at);
    newer = next_newer(text, newer.at + size);
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
