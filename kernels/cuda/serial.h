// The device's instructions on the host, one thread at a time: what tests run where there is no GPU.
//
// Each thread of a block is a fiber that runs until it must wait for others: at a barrier, or where a warp exchanges
// registers. So a kernel's own text is what is tested; only device.h is replaced.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#include "kernels/formats/half.h"

#define LINNET_DEVICE inline
#define LINNET_KERNEL(threads) extern "C" void
#define LINNET_KERNEL_BLOCKS(threads, blocks) extern "C" void
#define LINNET_UNROLL
#define LINNET_DYNAMIC_SHARED(name) std::byte* const name = linnet::kernels::cuda::serial::dynamic_shared()
#define __device__         // NOLINT(bugprone-reserved-identifier)
#define __shared__ static  // NOLINT(bugprone-reserved-identifier)

namespace linnet::kernels::cuda {

struct alignas(16) Words4 {
  std::uint32_t word[4];
};
struct alignas(8) Words2 {
  std::uint32_t word[2];
};

namespace serial {

// In which order a block's threads take their turns: a kernel without races gives the same bits in both.
enum class Order : std::uint8_t { kAscending, kDescending };

struct Grid {
  std::uint32_t x = 1;
  std::uint32_t y = 1;
  std::uint32_t z = 1;
  std::uint32_t threads = 1;
  std::uint32_t shared_bytes = 0;
};

// Runs `thread` once for every thread of every block, block after block.
void run(const Grid& grid, Order order, const std::function<void()>& thread);

// Of the fiber that runs.
struct Place {
  std::uint32_t thread, x, y, z, threads;
};
[[nodiscard]] const Place& place();
[[nodiscard]] std::byte* dynamic_shared();
void block_barrier();

// What each lane of the running warp put in; all 32 lanes must come.
struct Exchange {
  std::uintptr_t word[32][8];
  const std::byte* address[32];
};
// Puts `count` words in, waits for the other lanes, and shows all of theirs until the next exchange.
[[nodiscard]] const Exchange& exchange(const std::uintptr_t* words, std::size_t count);

// The same for one address a lane.
[[nodiscard]] const Exchange& exchange(const std::byte* address);

[[nodiscard]] inline float half_at(std::uintptr_t word, std::size_t place) {
  return f16_to_f32(static_cast<std::uint16_t>(word >> (16 * place)));
}

}  // namespace serial

inline std::uint32_t thread_index() { return serial::place().thread; }
inline std::uint32_t block_x() { return serial::place().x; }
inline std::uint32_t block_y() { return serial::place().y; }
inline std::uint32_t block_z() { return serial::place().z; }
inline std::uint32_t block_threads() { return serial::place().threads; }
inline void synchronise() { serial::block_barrier(); }

inline void synchronise_warp() {
  const std::uintptr_t nothing = 0;
  static_cast<void>(serial::exchange(&nothing, 1));
}

inline std::uint32_t shuffle_xor(std::uint32_t value, std::uint32_t mask) {
  const std::uintptr_t word = value;
  return static_cast<std::uint32_t>(serial::exchange(&word, 1).word[(thread_index() % 32) ^ mask][0]);
}
inline float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

inline float fused(float a, float b, float c) { return std::fma(a, b, c); }
inline double fused(double a, double b, double c) { return std::fma(a, b, c); }
inline float product(float a, float b) { return a * b; }
inline float square_root(float a) { return std::sqrt(a); }
inline float power_of_two(float a) { return std::exp2(a); }
inline float half_to_float(std::uint16_t bits) { return f16_to_f32(bits); }
inline std::uint16_t float_to_half(float x) { return f32_to_f16(x); }

inline std::int32_t dot4(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  for (int shift = 0; shift < 32; shift += 8)
    c += static_cast<std::int8_t>(a >> shift) * static_cast<std::int8_t>(b >> shift);
  return c;
}
inline std::uint32_t permute(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  const std::uint64_t bytes = std::uint64_t{b} << 32 | a;
  std::uint32_t x = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t nibble = selector >> (4 * i) & 15U;
    auto byte = static_cast<std::uint8_t>(bytes >> (8 * (nibble & 7U)));
    if ((nibble & 8U) != 0) byte = (byte & 0x80U) != 0 ? 0xFF : 0;  // The sign alone.
    x |= std::uint32_t{byte} << (8 * i);
  }
  return x;
}

inline std::uint32_t fused_halves(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t x = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const float sum = std::fma(serial::half_at(a, i), serial::half_at(b, i), serial::half_at(c, i));
    x |= static_cast<std::uint32_t>(f32_to_f16(sum)) << (16 * i);
  }
  return x;
}
inline std::uint32_t add_halves(std::uint32_t a, std::uint32_t b) { return fused_halves(a, 0x3C003C00U, b); }

inline Words4 load_streaming(const std::byte* from) {
  Words4 x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
inline Words2 load_streaming2(const std::byte* from) {
  Words2 x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

using SharedAddress = std::uint32_t;  // From the start of the block's dynamic shared memory.
inline SharedAddress shared_address(const std::byte* pointer) {
  return static_cast<SharedAddress>(pointer - serial::dynamic_shared());
}
template <class Words>
void store_shared(SharedAddress to, const Words& x) {
  std::memcpy(serial::dynamic_shared() + to, &x, sizeof x);
}

inline Words2 load_shared2(SharedAddress from) {
  Words2 x;
  std::memcpy(&x, serial::dynamic_shared() + from, sizeof x);
  return x;
}

inline void copy_async(SharedAddress to, const std::byte* from, bool zero) {
  Words4 x{};
  if (!zero) std::memcpy(&x, from, sizeof x);
  store_shared(to, x);
}
inline void close_copies() {}
template <int kGroups>
void wait_for_copies() {}

inline Words4 load_matrices(SharedAddress row) {
  const serial::Exchange& rows = serial::exchange(serial::dynamic_shared() + row);
  const std::uint32_t lane = thread_index() % 32;
  Words4 x;
  for (std::size_t i = 0; i < 4; ++i) {
    std::memcpy(&x.word[i], rows.address[8 * i + lane / 4] + 4 * (lane % 4), 4);
  }
  return x;
}
inline Words4 load_transposed(SharedAddress row) {
  const serial::Exchange& rows = serial::exchange(serial::dynamic_shared() + row);
  const std::uint32_t lane = thread_index() % 32;
  Words4 x{};
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      std::uint16_t half;
      std::memcpy(&half, rows.address[8 * i + 2 * (lane % 4) + j] + 2 * (lane / 4), 2);
      x.word[i] |= std::uint32_t{half} << (16 * j);
    }
  }
  return x;
}

// PTX's mma.m16n8k16: lane l holds rows l / 4 and l / 4 + 8 of `a`, column l / 4 of `b`, columns 2 (l % 4) and the next
// of the sum.
inline void multiply_add(float (&sum)[4], const Words4& a, std::uint32_t b0, std::uint32_t b1) {
  const std::uintptr_t words[] = {a.word[0], a.word[1], a.word[2], a.word[3], b0, b1};
  const serial::Exchange& lanes = serial::exchange(words, 6);
  const std::uint32_t lane = thread_index() % 32;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t row = lane / 4;
    const std::size_t column = 2 * (lane % 4) + i % 2;
    for (std::size_t k = 0; k < 16; ++k) {
      const std::size_t holder = k % 8 / 2;
      const float left = serial::half_at(lanes.word[4 * row + holder][i / 2 + 2 * (k / 8)], k % 2);
      const float right = serial::half_at(lanes.word[4 * column + holder][4 + k / 8], k % 2);
      sum[i] = std::fma(left, right, sum[i]);
    }
  }
}

// PTX's mma.m16n8k16 of bytes: lane l holds four columns from 4 (l % 4) on of rows l / 4 and l / 4 + 8 of `a`, and of
// column l / 4 of `b`; of the sum what the product above has.
inline void multiply_bytes(std::int32_t (&out)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t b,
                           std::int32_t start) {
  const std::uintptr_t words[] = {a0, a1, b};
  const serial::Exchange& lanes = serial::exchange(words, 3);
  const std::uint32_t lane = thread_index() % 32;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t column = 2 * (lane % 4) + i % 2;
    out[i] = start;
    for (std::size_t holder = 0; holder < 4; ++holder) {
      out[i] = dot4(static_cast<std::uint32_t>(lanes.word[lane / 4 * 4 + holder][i / 2]),
                    static_cast<std::uint32_t>(lanes.word[4 * column + holder][2]), out[i]);
    }
  }
}
// mma.m16n8k32: words 2 and 3 of `a` and b1 are 16 columns further.
inline void multiply_bytes(std::int32_t (&out)[4], const Words4& a, std::uint32_t b0, std::uint32_t b1,
                           std::int32_t start) {
  std::int32_t upper[4];
  multiply_bytes(out, a.word[0], a.word[1], b0, start);
  multiply_bytes(upper, a.word[2], a.word[3], b1, 0);
  for (std::size_t i = 0; i < 4; ++i) out[i] += upper[i];
}

inline void wait_for_predecessor() {}
inline void let_successor_start() {}

}  // namespace linnet::kernels::cuda
