#include "runtime/language/split_file.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace linnet::language {
namespace {

constexpr std::string_view kOf = "-of-";
constexpr std::string_view kEnding = ".gguf";
constexpr std::size_t kDigits = 5;
constexpr std::size_t kTail = 1 + kDigits + kOf.size() + kDigits + kEnding.size();  // "-00001-of-00003.gguf"

std::optional<std::uint32_t> number_in(std::string_view digits) {
  std::uint32_t number = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (status != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string SplitName::path_of(std::uint32_t number) const {
  std::array<char, 32> tail{};
  std::snprintf(tail.data(), tail.size(), "-%05u-of-%05u.gguf", number, count);
  return prefix + tail.data();
}

std::optional<SplitName> parse_split_name(std::string_view path) {
  if (path.size() < kTail || !path.ends_with(kEnding)) return std::nullopt;
  const std::string_view tail = path.substr(path.size() - kTail);
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf) return std::nullopt;
  const auto part = number_in(tail.substr(1, kDigits));
  const auto count = number_in(tail.substr(1 + kDigits + kOf.size(), kDigits));
  if (!part || !count || *part < 1 || *part > *count) return std::nullopt;
  return SplitName{std::string(path.substr(0, path.size() - kTail)), *part, *count};
}

}  // namespace linnet::language
