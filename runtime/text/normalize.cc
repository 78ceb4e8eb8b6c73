#include "runtime/text/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

// Below U+0300 every character is in normal form C and combines with nothing before it.
bool is_plainly_composed(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0xCC; });
}

std::uint8_t mark_class(std::int32_t point) {
  return static_cast<std::uint8_t>(utf8proc_get_property(point)->combining_class);
}

// Canonical order: marks between two starters ascending by class, equal ones as they were. Counting keeps it linear
// where a text is one starter and a million marks.
void order_marks(std::span<std::int32_t> points, std::span<std::int32_t> spare) {
  for (std::size_t start = 0; start < points.size();) {
    if (mark_class(points[start]) == 0) {
      ++start;
      continue;
    }
    std::size_t end = start;
    std::size_t counts[256] = {};
    bool ordered = true;
    for (; end < points.size() && mark_class(points[end]) != 0; ++end) {
      ++counts[mark_class(points[end])];
      ordered = ordered && (end == start || mark_class(points[end - 1]) <= mark_class(points[end]));
    }
    if (!ordered) {
      std::size_t place = 0;
      for (std::size_t& count : counts) place += std::exchange(count, place);
      for (std::size_t i = start; i < end; ++i) spare[counts[mark_class(points[i])]++] = points[i];
      std::ranges::copy(spare.first(end - start), points.begin() + static_cast<std::ptrdiff_t>(start));
    }
    start = end;
  }
}

}  // namespace

std::span<std::int32_t> to_nfd(std::string_view text, std::span<std::byte> scratch) {
  const std::span<std::int32_t> all(reinterpret_cast<std::int32_t*>(scratch.data()), scratch.size() / 4);
  const std::span<std::int32_t> points = all.first(all.size() / 2);
  std::size_t count = 0;
  while (!text.empty()) {
    const CodePoint point = read_code_point(text);
    text.remove_prefix(point.size);
    int boundary = 0;
    const auto room = static_cast<utf8proc_ssize_t>(points.size() - count);
    const auto made = utf8proc_decompose_char(static_cast<std::int32_t>(point.value), points.data() + count, room,
                                              UTF8PROC_DECOMPOSE, &boundary);
    count += static_cast<std::size_t>(std::max<utf8proc_ssize_t>(made, 0));
  }
  order_marks(points.first(count), all.subspan(points.size()));
  return points.first(count);
}

Result<std::string_view> to_nfc(std::string_view text, std::span<char> out, std::span<std::byte> scratch) {
  if (is_plainly_composed(text)) return text;
  const std::span<std::int32_t> points = to_nfd(text, scratch);
  const auto composed = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                                 static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  std::size_t size = 0;
  for (const std::int32_t point : points.first(static_cast<std::size_t>(std::max<utf8proc_ssize_t>(composed, 0)))) {
    char bytes[4];
    const std::size_t count = write_code_point(static_cast<char32_t>(point), bytes);
    if (count > out.size() - size) {
      return fail(ErrorKind::kExhausted, "the text is longer than the " + std::to_string(out.size()) +
                                             " bytes that were planned for tokenising, once normalised");
    }
    std::copy_n(bytes, count, out.begin() + static_cast<std::ptrdiff_t>(size));
    size += count;
  }
  return std::string_view(out.data(), size);
}

}  // namespace linnet::text
