// The two things that bound a model, done as fast as an instruction set can: reading memory, multiplying int8.
//
// Nothing of a model calls these: `linnet bench` and `linnet doctor` time them, and a model's speed is a share of what
// they reach. `limits_scalar.cc` states what is computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/variant.h"

namespace linnet::kernels {

inline constexpr std::size_t kReadWords = 32;         // `read` takes multiples of 256 bytes.
inline constexpr std::size_t kMultiplyOperands = 64;  // Numbers on each side of a round of `multiply`.

// Independent sums that hide a vector instruction's latency: five cycles, two a cycle.
inline constexpr std::size_t kMultiplySums = 12;

// Pointers are 64-byte aligned. Neither allocates nor starts threads.
struct Limits {
  // The sum of `count` words, wrapping: every byte is read once. count: a multiple of kReadWords.
  std::uint64_t (*read)(const std::uint64_t* words, std::size_t count);

  // `rounds` times `products` times the dot product of 64 numbers on each side, wrapping, from registers: no memory is
  // touched in between. `a` in 0 … 127, `b` in -127 … 127.
  std::int32_t (*multiply)(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds);
  std::size_t products = kMultiplySums;

  // Multiply-adds of one round, for whoever turns time into a rate.
  [[nodiscard]] constexpr std::size_t multiply_adds() const { return kMultiplyOperands * products; }
};

namespace {

// add(k) for each k below `count`, a constant: an array that a loop walks stays in memory with GCC, and some processors
// take five cycles to read what was just written. limits_registers_test.py holds that none does.
template <std::size_t count, class Add>
[[gnu::always_inline]] inline void each(Add add) {
  [&]<std::size_t... k>(std::index_sequence<k...>) { (add(std::integral_constant<std::size_t, k>()), ...); }
  (std::make_index_sequence<count>());
}

}  // namespace

// Family name: "limits".
[[nodiscard]] Variants<const Limits*> limits_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Limits kLimits;
}
namespace avx2 {
extern const Limits kLimits;
}
namespace avx_vnni {
extern const Limits kLimits;
}
namespace avx512_vnni {
extern const Limits kLimits;
}
namespace amx_int8 {
extern const Limits kLimits;
}
namespace neon {
extern const Limits kLimits;
}
namespace neon_dotprod {
extern const Limits kLimits;
}
namespace neon_i8mm {
extern const Limits kLimits;
}

}  // namespace linnet::kernels
