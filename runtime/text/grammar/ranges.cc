#include "runtime/text/grammar/ranges.h"

#include <algorithm>

namespace linnet::text {

CharacterRanges tidied_ranges(CharacterRanges ranges) {
  std::ranges::sort(ranges);
  CharacterRanges out;
  for (const auto& range : ranges) {
    if (!out.empty() && range.first <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, range.second);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

CharacterRanges inverted_ranges(const CharacterRanges& ranges, char32_t last) {
  CharacterRanges out;
  char32_t next = 0;
  for (const auto& range : ranges) {
    if (range.first > last) break;
    if (range.first > next) out.emplace_back(next, range.first - 1);
    next = range.second + 1;
  }
  if (next <= last) out.emplace_back(next, last);
  return out;
}

}  // namespace linnet::text
