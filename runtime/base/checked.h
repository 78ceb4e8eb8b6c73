// Arithmetic on numbers from outside: a result, or nothing where it does not fit.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

namespace linnet {

[[nodiscard]] constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

[[nodiscard]] constexpr std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// `value` rounded up to a multiple of `alignment` (a power of two).
[[nodiscard]] constexpr std::optional<std::uint64_t> checked_align(std::uint64_t value, std::uint64_t alignment) {
  const auto sum = checked_add(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

// `value` as a To, where To can hold it.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> checked_narrow(From value) {
  To narrow = 0;
  if (__builtin_add_overflow(value, From{0}, &narrow)) return std::nullopt;
  return narrow;
}

// Whether [offset, offset + size) lies inside [0, limit).
[[nodiscard]] constexpr bool fits_inside(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace linnet
