// Quantities that must not be mixed up, and how a person writes and reads them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet {

// A size in memory or on disk.
struct Bytes {
  std::uint64_t count = 0;

  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend constexpr Bytes& operator+=(Bytes& a, Bytes b) { return a = a + b; }
};

inline constexpr Bytes kKiB{1024};
inline constexpr Bytes kMiB{std::uint64_t{1024} * 1024};

// A signed count of one unit, which does not convert to another.
template <class Unit>
struct Quantity {
  std::int64_t count = 0;

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.count + b.count}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.count - b.count}; }
};

using MilliCelsius = Quantity<struct MilliCelsiusUnit>;
using Milliwatts = Quantity<struct MilliwattsUnit>;
using Microjoules = Quantity<struct MicrojoulesUnit>;
using Kilohertz = Quantity<struct KilohertzUnit>;

// "512 B", "3.2 KiB", "1.50 GiB": three significant digits, binary units.
[[nodiscard]] std::string to_string(Bytes size);

// Reads "1500000", "512K", "64M", "1.5G", with an optional "iB" or "B"; units are binary. Errors: kUsage.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

}  // namespace linnet
