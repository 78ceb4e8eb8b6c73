// How the NEON variants' products get a panel's codes, scales and minima as registers, format by format.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <arm_neon.h>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/panel_parts.h"

namespace linnet::kernels::tile_neon {
namespace {

using panel_parts::kNibbleBytes;
using panel_parts::kScaleBytes;

inline int8x16_t load_bytes(const std::byte* from) { return vld1q_s8(reinterpret_cast<const std::int8_t*>(from)); }

inline float32x4_t load_scales(const std::byte* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from))));
}

// A format gives columns 16 h … 16 h + 15 of four of a panel's rows (quad q = rows 4 q … 4 q + 3) as four registers,
// each with 4 columns of every row, and what is to be taken off each code. It tells how many blocks of 32 columns a
// panel block holds (kParts), how many scales a row has in each (kScales), and whether a lane of 16 bits holds the
// products of those that share a scale (kIsShort).

// Formats of 32 columns: scales (and minima) first, then codes.
template <std::int32_t kCodeOffset, bool kMinimum, std::size_t kCodeBytes, std::size_t kPartCount = 1>
struct Block32 : panel_parts::UnderOneScale<kMinimum, kCodeBytes, kPartCount> {
  static constexpr std::int32_t kOffset = kCodeOffset;

  static float32x4_t scales(const std::byte* block, std::size_t, std::size_t, std::size_t quad) {
    return load_scales(block + 8 * quad);
  }
  static float32x4_t minima(const std::byte* block, std::size_t, std::size_t quad) {
    return load_scales(block + kScaleBytes + 8 * quad);
  }
};

template <std::size_t kPartCount>
struct Bytes : Block32<0, false, 512, kPartCount> {
  static constexpr bool kIsShort = false;

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 4; ++i) columns[i] = load_bytes(codes + 64 * (4 * half + i) + 16 * quad);
  }
};
using Q8_0 = Bytes<1>;
using Q8_128 = Bytes<4>;

inline uint8x16_t load_unsigned(const std::byte* from) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(from)); }

inline void unpack_nibbles(const std::byte* codes, std::size_t half, std::size_t quad, uint8x16_t (&columns)[4]) {
  for (std::size_t i = 0; i < 2; ++i) {
    const uint8x16_t both = load_unsigned(codes + 64 * (2 * half + i) + 16 * quad);
    columns[2 * i] = vandq_u8(both, vdupq_n_u8(15));
    columns[2 * i + 1] = vshrq_n_u8(both, 4);
  }
}

inline int8x16_t look_up(int8x16_t table, uint8x16_t indices) {
#if defined(__aarch64__)
  return vqtbl1q_s8(table, indices);
#else
  const int8x8x2_t halves = {{vget_low_s8(table), vget_high_s8(table)}};
  return vcombine_s8(vtbl2_s8(halves, vreinterpret_s8_u8(vget_low_u8(indices))),
                     vtbl2_s8(halves, vreinterpret_s8_u8(vget_high_u8(indices))));
#endif
}

// Looks the code book's values up.
struct IQ4_NL : Block32<0, false, kNibbleBytes> {
  static constexpr bool kIsShort = false;

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t indices[4];
    unpack_nibbles(codes, half, quad, indices);
    const int8x16_t table = vld1q_s8(kIQ4_NLValues);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = look_up(table, indices[i]);
  }
};

template <class Base>
struct Nibbles : Base {
  static constexpr bool kIsShort = true;  // 8 * 15 * 127 = 15,240.

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = vreinterpretq_s8_u8(nibbles[i]);
  }
};

// Behind the nibbles lie the fifth bits: bit k of a byte belongs to columns 4 k … 4 k + 3.
template <class Base>
struct Fives : Base {
  static constexpr bool kIsShort = true;  // 8 * 31 * 127 = 31,496.

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    const uint8x16_t all = load_unsigned(codes + kNibbleBytes + 16 * quad);
    for (std::size_t i = 0; i < 4; ++i) {
      // Bit 4 half + i comes to bit 4; a negative count shifts to the right.
      const auto count = static_cast<std::int8_t>(4 - static_cast<int>(4 * half + i));
      const uint8x16_t fifth = vandq_u8(vshlq_u8(all, vdupq_n_s8(count)), vdupq_n_u8(16));
      columns[i] = vreinterpretq_s8_u8(vorrq_u8(nibbles[i], fifth));
    }
  }
};

using Q4_0 = Nibbles<Block32<8, false, kNibbleBytes>>;
using Q4_1 = Nibbles<Block32<0, true, kNibbleBytes>>;
using Q5_0 = Fives<Block32<16, false, kNibbleBytes + 64>>;
using Q5_1 = Fives<Block32<0, true, kNibbleBytes + 64>>;

// One scale for several parts.
using Q4_64 = Nibbles<Block32<8, false, kNibbleBytes, 2>>;
using Q4_128 = Nibbles<Block32<8, false, kNibbleBytes, 4>>;

// Four neighbouring bytes as they are or with their sign.
inline std::uint32_t load_four(const std::byte* from) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, from, sizeof bits);
  return bits;
}
inline float32x4_t unsigned_floats(const std::byte* four) {
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(load_four(four))));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
}
inline float32x4_t signed_floats(const std::byte* four) {
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(load_four(four))));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima : panel_parts::WithMinima<kCodeBytes> {
  using panel_parts::WithMinima<kCodeBytes>::part_of;
  static constexpr std::int32_t kOffset = 0;

  static float32x4_t scales(const std::byte* block, std::size_t part, std::size_t, std::size_t quad) {
    return vmulq_f32(load_scales(block + 8 * quad), unsigned_floats(part_of(block, part) + 4 * quad));
  }
  static float32x4_t minima(const std::byte* block, std::size_t part, std::size_t quad) {
    const float32x4_t sub = unsigned_floats(part_of(block, part) + kPanelRows + 4 * quad);
    return vnegq_f32(vmulq_f32(load_scales(block + kScaleBytes + 8 * quad), sub));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part, and signed codes of 6 bits. Upper bits 2 k and 2 k + 1 of a byte of
// columns 16 h … 16 h + 15 belong to columns 16 h + 4 k … + 3.
struct Q6_K : panel_parts::WithTwoScales {
  static constexpr std::int32_t kOffset = 0;
  static constexpr bool kIsShort = true;  // 4 * 32 * 127 = 16,256.

  static float32x4_t scales(const std::byte* block, std::size_t part, std::size_t index, std::size_t quad) {
    const float32x4_t sub = signed_floats(part_of(block, part) + kPanelRows * index + 4 * quad);
    return vmulq_f32(load_scales(block + 8 * quad), sub);
  }
  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    const uint8x16_t all = load_unsigned(codes + kNibbleBytes + 64 * half + 16 * quad);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto count = static_cast<std::int8_t>(4 - static_cast<int>(2 * i));
      const uint8x16_t upper = vandq_u8(vshlq_u8(all, vdupq_n_s8(count)), vdupq_n_u8(0x30));
      columns[i] = vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(nibbles[i], upper)), vdupq_n_s8(32));
    }
  }
};

// Bytes of one panel.
template <class Weights>
inline std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

}  // namespace
}  // namespace linnet::kernels::tile_neon
