#include "runtime/base/units.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace linnet {
namespace {

constexpr std::array<std::string_view, 5> kUnitNames = {"B", "KiB", "MiB", "GiB", "TiB"};

Error not_a_size(std::string_view text) {
  return {ErrorKind::kUsage,
          "'" + std::string(text) + "' is not a size: write a number with K, M, G or T, such as 512M"};
}

// The factor of a unit suffix ("", "K", "KB", "KiB", …), 0 where it is none.
std::uint64_t unit_factor(std::string_view suffix) {
  constexpr std::string_view kLetters = "KMGT";
  if (suffix.empty() || suffix == "B") return 1;
  const auto power = kLetters.find(static_cast<char>(suffix.front() & ~0x20));
  const std::string_view rest = suffix.substr(1);
  const bool known = rest.empty() || rest == "B" || rest == "b" || rest == "iB" || rest == "ib";
  if (power == std::string_view::npos || !known) return 0;
  return std::uint64_t{1} << (10 * (power + 1));
}

}  // namespace

std::string to_string(Bytes size) {
  if (size.count < 1024) return std::to_string(size.count) + " B";
  auto value = static_cast<double>(size.count);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnitNames.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, value, kUnitNames[unit].data());
  return text.data();
}

Result<Bytes> parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (status != std::errc{} || !(number >= 0)) return tl::unexpected(not_a_size(text));
  const auto factor = unit_factor(text.substr(static_cast<std::size_t>(end - text.data())));
  const double bytes = number * static_cast<double>(factor);
  if (factor == 0 || bytes >= 1.8e19) return tl::unexpected(not_a_size(text));
  return Bytes{static_cast<std::uint64_t>(bytes)};
}

}  // namespace linnet
