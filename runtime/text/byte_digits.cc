#include "runtime/text/byte_digits.h"

#include <algorithm>
#include <cstddef>

namespace linnet::text {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number(char c) {
  constexpr std::string_view kWrittenAsNumbers = "\xB2\xB3\xB9\xBC\xBD\xBE";  // ² ³ ¹ ¼ ½ ¾
  return is_ascii_digit(c) || kWrittenAsNumbers.find(c) != std::string_view::npos;
}

// Bytes before the first three ASCII digits, or all.
std::size_t before_three_digits(std::string_view text) {
  for (std::size_t at = 0; at + 3 <= text.size(); ++at) {
    if (std::ranges::all_of(text.substr(at, 3), is_ascii_digit)) return at;
  }
  return text.size();
}

bool cut_in_threes(std::string_view number, FunctionRef<bool(std::string_view)> word) {
  while (!number.empty()) {
    const std::size_t before = before_three_digits(number);
    const std::size_t size = before == 0 ? 3 : before;
    if (!word(number.substr(0, size))) return false;
    number.remove_prefix(size);
  }
  return true;
}

}  // namespace

bool cut_byte_digits(std::string_view text, FunctionRef<bool(std::string_view)> word) {
  while (!text.empty()) {
    const bool number = is_number(text.front());
    const auto other = std::ranges::find_if(text, [number](char c) { return is_number(c) != number; });
    const std::string_view run = text.substr(0, static_cast<std::size_t>(other - text.begin()));
    if (number ? !cut_in_threes(run, word) : !word(run)) return false;
    text.remove_prefix(run.size());
  }
  return true;
}

}  // namespace linnet::text
