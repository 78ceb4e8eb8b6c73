#include "runtime/text/digit_groups.h"

#include <utf8proc.h>

#include <cstddef>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kGroup = 3;

bool starts_with_digit(std::string_view text) {
  if (text.empty()) return false;
  return utf8proc_category(static_cast<utf8proc_int32_t>(read_code_point(text).value)) == UTF8PROC_CATEGORY_ND;
}

// Decimal digits that `text` starts with.
std::size_t digits_of(std::string_view text) {
  std::size_t count = 0;
  for (; starts_with_digit(text); ++count) text.remove_prefix(read_code_point(text).size);
  return count;
}

}  // namespace

bool cut_digit_groups(std::string_view number, FunctionRef<bool(std::string_view)> piece) {
  std::size_t start = 0;
  std::size_t left = 0;  // Digits of the run from `at` on.
  for (std::size_t at = 0; at < number.size();) {
    if (left == 0) left = digits_of(number.substr(at));
    if (at > start && left > 0 && left % kGroup == 0) {
      if (!piece(number.substr(start, at - start))) return false;
      start = at;
    }
    if (left > 0) --left;
    at += read_code_point(number.substr(at)).size;
  }
  return start == number.size() || piece(number.substr(start));
}

}  // namespace linnet::text
