// How the NEON variants' products get a panel's codes, scales and minima as registers, format by format.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <arm_neon.h>

#include <bit>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/panel_parts.h"

namespace linnet::kernels::tile_neon {
namespace {

using panel_parts::kNibbleBytes;
using panel_parts::kScaleBytes;

inline uint8x16_t load_bytes(const std::byte* from) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(from)); }

inline float32x4_t load_scales(const std::byte* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from))));
}

// An exact sum becomes a float by a subtraction, which takes half as long as a conversion on most cores: the sum began
// with the bits of 1.5 * 2^23, whose last one stands for 1. No sum exceeds 128 * 128 * 127, which is less than 2^22.
inline constexpr float kAbove = 0x1.8p23F;
inline constexpr auto kAboveBits = std::bit_cast<std::int32_t>(kAbove);
inline float32x4_t to_float(int32x4_t above) { return vsubq_f32(vreinterpretq_f32_s32(above), vdupq_n_f32(kAbove)); }

// A format gives columns 16 h … 16 h + 15 of four of a panel's rows (quad q = rows 4 q … 4 q + 3) as four registers,
// each with 4 columns of every row, and what is to be taken off each code (kOffset). It makes them of kStored registers
// of what is stored, of which number i lies at `stored(codes, h, i)` for quad 0 and 16 q bytes behind it for quad q. It
// tells how many blocks of 32 columns a panel block holds (kParts), how many scales a row has in each (kScales), and
// whether a lane of 16 bits holds the products of those that share a scale (kIsShort).
//
// A part's scales and minima are made of those that all parts of a block share (block_scales, block_minima).

// Columns 16 half … 16 half + 15 of a quad.
template <class Weights>
inline void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
  uint8x16_t stored[Weights::kStored];
  for (std::size_t i = 0; i < Weights::kStored; ++i) {
    stored[i] = load_bytes(Weights::stored(codes, half, i) + 16 * quad);
  }
  Weights::unpack(stored, half, columns);
}

template <class Weights>
inline float32x4_t scales_of(const std::byte* block, std::size_t part, std::size_t index, std::size_t quad) {
  return Weights::scales(Weights::block_scales(block, quad), block, part, index, quad);
}
template <class Weights>
inline float32x4_t minima_of(const std::byte* block, std::size_t part, std::size_t quad) {
  return Weights::minima(Weights::block_minima(block, quad), block, part, quad);
}

// Formats of 32 columns: scales (and minima) first, then codes.
template <std::int32_t kCodeOffset, bool kMinimum, std::size_t kCodeBytes, std::size_t kPartCount = 1>
struct Block32 : panel_parts::UnderOneScale<kMinimum, kCodeBytes, kPartCount> {
  static constexpr std::int32_t kOffset = kCodeOffset;

  static float32x4_t block_scales(const std::byte* block, std::size_t quad) { return load_scales(block + 8 * quad); }
  static float32x4_t block_minima(const std::byte* block, std::size_t quad) {
    return load_scales(block + kScaleBytes + 8 * quad);
  }
  static float32x4_t scales(float32x4_t of_block, const std::byte*, std::size_t, std::size_t, std::size_t) {
    return of_block;
  }
  static float32x4_t minima(float32x4_t of_block, const std::byte*, std::size_t, std::size_t) { return of_block; }
};

template <std::size_t kPartCount>
struct Bytes : Block32<0, false, 512, kPartCount> {
  static constexpr bool kIsShort = false;
  static constexpr std::size_t kStored = 4;

  static const std::byte* stored(const std::byte* codes, std::size_t half, std::size_t i) {
    return codes + 64 * (4 * half + i);
  }
  static void unpack(const uint8x16_t (&stored)[4], std::size_t, int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 4; ++i) columns[i] = vreinterpretq_s8_u8(stored[i]);
  }
};
using Q8_0 = Bytes<1>;
using Q8_128 = Bytes<4>;

inline const std::byte* stored_nibbles(const std::byte* codes, std::size_t half, std::size_t i) {
  return codes + 64 * (2 * half + i);
}
template <std::size_t kStored>
inline void unpack_nibbles(const uint8x16_t (&stored)[kStored], uint8x16_t (&columns)[4]) {
  for (std::size_t i = 0; i < 2; ++i) {
    columns[2 * i] = vandq_u8(stored[i], vdupq_n_u8(15));
    columns[2 * i + 1] = vshrq_n_u8(stored[i], 4);
  }
}

#if defined(__aarch64__)
inline int8x16_t look_up(int8x16_t table, uint8x16_t indices) { return vqtbl1q_s8(table, indices); }
inline uint32x4_t add_upper(uint32x4_t four, uint16x8_t eight) { return vaddw_high_u16(four, eight); }
inline int32x4_t add_upper(int32x4_t four, int16x8_t eight) { return vaddw_high_s16(four, eight); }
#else
inline int8x16_t look_up(int8x16_t table, uint8x16_t indices) {
  const int8x8x2_t halves = {{vget_low_s8(table), vget_high_s8(table)}};
  return vcombine_s8(vtbl2_s8(halves, vreinterpret_s8_u8(vget_low_u8(indices))),
                     vtbl2_s8(halves, vreinterpret_s8_u8(vget_high_u8(indices))));
}
inline uint32x4_t add_upper(uint32x4_t four, uint16x8_t eight) { return vaddw_u16(four, vget_high_u16(eight)); }
inline int32x4_t add_upper(int32x4_t four, int16x8_t eight) { return vaddw_s16(four, vget_high_s16(eight)); }
#endif

// Looks the code book's values up.
struct IQ4_NL : Block32<0, false, kNibbleBytes> {
  static constexpr bool kIsShort = false;
  static constexpr std::size_t kStored = 2;

  static constexpr auto stored = stored_nibbles;
  static void unpack(const uint8x16_t (&stored)[2], std::size_t, int8x16_t (&columns)[4]) {
    uint8x16_t indices[4];
    unpack_nibbles(stored, indices);
    const int8x16_t table = vld1q_s8(kIQ4_NLValues);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = look_up(table, indices[i]);
  }
};

template <class Base>
struct Nibbles : Base {
  static constexpr bool kIsShort = true;  // 8 * 15 * 127 = 15,240.
  static constexpr std::size_t kStored = 2;

  static constexpr auto stored = stored_nibbles;
  static void unpack(const uint8x16_t (&stored)[2], std::size_t, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(stored, nibbles);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = vreinterpretq_s8_u8(nibbles[i]);
  }
};

// Behind the nibbles lie the fifth bits: bit k of a byte belongs to columns 4 k … 4 k + 3.
template <class Base>
struct Fives : Base {
  static constexpr bool kIsShort = true;  // 8 * 31 * 127 = 31,496.
  static constexpr std::size_t kStored = 3;

  static const std::byte* stored(const std::byte* codes, std::size_t half, std::size_t i) {
    return i < 2 ? stored_nibbles(codes, half, i) : codes + kNibbleBytes;
  }
  static void unpack(const uint8x16_t (&stored)[3], std::size_t half, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(stored, nibbles);
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t bit = 4 * half + i;
      const uint8x16_t fifth = bit < 4 ? stored[2] << (4 - bit) : stored[2] >> (bit - 4);
      columns[i] = vreinterpretq_s8_u8(vbslq_u8(vdupq_n_u8(16), fifth, nibbles[i]));
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

// Four of 16 bytes as numbers.
inline float32x4_t unsigned_floats(const std::byte* sixteen, std::size_t quad) {
  const uint8x16_t bytes = load_bytes(sixteen);
  const uint16x8_t eight = vmovl_u8(quad < 2 ? vget_low_u8(bytes) : vget_high_u8(bytes));
  const uint32x4_t none = vdupq_n_u32(static_cast<std::uint32_t>(kAboveBits));
  return to_float(vreinterpretq_s32_u32(quad % 2 == 0 ? vaddw_u16(none, vget_low_u16(eight)) : add_upper(none, eight)));
}
inline float32x4_t signed_floats(const std::byte* sixteen, std::size_t quad) {
  const int8x16_t bytes = vreinterpretq_s8_u8(load_bytes(sixteen));
  const int16x8_t eight = vmovl_s8(quad < 2 ? vget_low_s8(bytes) : vget_high_s8(bytes));
  const int32x4_t none = vdupq_n_s32(kAboveBits);
  return to_float(quad % 2 == 0 ? vaddw_s16(none, vget_low_s16(eight)) : add_upper(none, eight));
}

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima : panel_parts::WithMinima<kCodeBytes> {
  using panel_parts::WithMinima<kCodeBytes>::part_of;
  static constexpr std::int32_t kOffset = 0;

  static float32x4_t block_scales(const std::byte* block, std::size_t quad) { return load_scales(block + 8 * quad); }
  static float32x4_t block_minima(const std::byte* block, std::size_t quad) {
    return vnegq_f32(load_scales(block + kScaleBytes + 8 * quad));
  }
  static float32x4_t scales(float32x4_t of_block, const std::byte* block, std::size_t part, std::size_t,
                            std::size_t quad) {
    return vmulq_f32(of_block, unsigned_floats(part_of(block, part), quad));
  }
  static float32x4_t minima(float32x4_t of_block, const std::byte* block, std::size_t part, std::size_t quad) {
    return vmulq_f32(of_block, unsigned_floats(part_of(block, part) + kPanelRows, quad));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part, and codes of 6 bits, of which 32 is to be taken off. Upper bits 2 k
// and 2 k + 1 of a byte of columns 16 h … 16 h + 15 belong to columns 16 h + 4 k … + 3.
struct UnsignedQ6_K : panel_parts::WithTwoScales {
  static constexpr std::int32_t kOffset = 32;
  static constexpr std::size_t kStored = 3;

  static float32x4_t block_scales(const std::byte* block, std::size_t quad) { return load_scales(block + 8 * quad); }
  static float32x4_t scales(float32x4_t of_block, const std::byte* block, std::size_t part, std::size_t index,
                            std::size_t quad) {
    return vmulq_f32(of_block, signed_floats(part_of(block, part) + kPanelRows * index, quad));
  }
  static const std::byte* stored(const std::byte* codes, std::size_t half, std::size_t i) {
    return i < 2 ? stored_nibbles(codes, half, i) : codes + kNibbleBytes + 64 * half;
  }
  // 9 operations for 64 codes. SRI overwrites the upper bits, so it comes last: g++ 12 would copy them.
  static void unpack(const uint8x16_t (&stored)[3], std::size_t, int8x16_t (&columns)[4]) {
    uint8x16_t left = stored[0];
    uint8x16_t upper = stored[2];
    const uint8x16_t place = vdupq_n_u8(0x30);
    const uint8x16_t second = vbslq_u8(place, vshlq_n_u8(upper, 2), vshrq_n_u8(left, 4));
    const uint8x16_t third = vbslq_u8(place, upper, vandq_u8(stored[1], vdupq_n_u8(15)));
    const uint8x16_t first = vandq_u8(vsliq_n_u8(left, upper, 4), vdupq_n_u8(0x3F));
    asm("" : "+w"(upper) : "w"(third));
    columns[0] = vreinterpretq_s8_u8(first);
    columns[1] = vreinterpretq_s8_u8(second);
    columns[2] = vreinterpretq_s8_u8(third);
    columns[3] = vreinterpretq_s8_u8(vshrq_n_u8(vsriq_n_u8(upper, stored[1], 2), 2));
  }
};

// The same with the offset taken off.
struct Q6_K : UnsignedQ6_K {
  static constexpr std::int32_t kOffset = 0;
  static constexpr bool kIsShort = true;  // 4 * 32 * 127 = 16,256.

  static void unpack(const uint8x16_t (&stored)[3], std::size_t half, int8x16_t (&columns)[4]) {
    UnsignedQ6_K::unpack(stored, half, columns);
    for (int8x16_t& four : columns) four = vsubq_s8(four, vdupq_n_s8(32));
  }
};

// Bytes of one panel.
template <class Weights>
inline std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

}  // namespace
}  // namespace linnet::kernels::tile_neon
