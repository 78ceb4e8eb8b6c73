#include "runtime/text/grammar/utf8_ranges.h"

#include <algorithm>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

struct Block {
  char32_t first;
  char32_t last;
};

// Scalar values of one encoded length each.
constexpr Block kBlocks[] = {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};

// Splits until, from some byte on, the whole range of continuation bytes is taken.
void append_same_size(char32_t first, char32_t last, std::vector<Utf8Range>& out) {
  for (std::uint32_t bits = 6; bits <= 18; bits += 6) {
    const char32_t mask = (char32_t{1} << bits) - 1;
    if ((first & ~mask) == (last & ~mask)) break;
    if ((first & mask) != 0) {
      append_same_size(first, first | mask, out);
      append_same_size((first | mask) + 1, last, out);
      return;
    }
    if ((last & mask) != mask) {
      append_same_size(first, (last & ~mask) - 1, out);
      append_same_size(last & ~mask, last, out);
      return;
    }
  }
  Utf8Range range;
  char low[4];
  char high[4];
  range.size = static_cast<std::uint8_t>(write_code_point(first, low));
  (void)write_code_point(last, high);
  for (std::size_t i = 0; i < range.size; ++i) {
    range.low[i] = static_cast<std::uint8_t>(low[i]);
    range.high[i] = static_cast<std::uint8_t>(high[i]);
  }
  out.push_back(range);
}

}  // namespace

void append_utf8_ranges(char32_t first, char32_t last, std::vector<Utf8Range>& out) {
  for (const Block& block : kBlocks) {
    const char32_t low = std::max(first, block.first);
    const char32_t high = std::min(last, block.last);
    if (low <= high) append_same_size(low, high, out);
  }
}

}  // namespace linnet::text
