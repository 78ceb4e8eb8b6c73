// How the 512-bit variant's products get a panel's codes, scales and minima as registers, format by format.
#pragma once

#include <immintrin.h>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/panel_parts.h"

namespace linnet::kernels::avx512_vnni {
namespace {

using panel_parts::kNibbleBytes;
using panel_parts::kScaleBytes;

inline __m512i load_bytes(const std::byte* from) { return _mm512_loadu_si512(from); }

inline __m512 load_scales(const std::byte* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Keeps the compiler from making an operand in memory of a register that several instructions use.
[[gnu::always_inline]] inline void hold(__m512i& bytes) { asm("" : "+v"(bytes)); }

// vpdpbusd multiplies unsigned by signed bytes, so weights are made unsigned by an offset; the accumulators start at
// -offset * sum of the activations, which takes it off again. Exact in int32.
//
// A format tells how many blocks of 32 columns a panel block holds (kParts), how many of them one product takes
// (kJoined), how many scales a row has in each (kScales), what its parts share, where the codes of part `part` start,
// and how columns 8 c … 8 c + 3 and 8 c + 4 … 8 c + 7 become registers. kWork: what a block takes to unpack: 0 next to
// nothing, 1 little, 2 sub-scales or more than nibbles.

// Of a panel itself, not of a slab (slab_avx512.h).
struct Packed {
  static constexpr bool kIsSlab = false;
};

// The f16 scales and minima of a panel block, widened once for all of its parts.
struct Shared {
  __m512 scales;
  __m512 minima;
};

// Formats of 32 columns: scales (and minima) first, then codes.
template <std::int32_t kCodeOffset, bool kMinimum, std::size_t kCodeBytes, std::size_t kPartCount = 1>
struct Block32 : Packed, panel_parts::UnderOneScale<kMinimum, kCodeBytes, kPartCount> {
  static constexpr std::int32_t kOffset = kCodeOffset;

  static Shared shared(const std::byte* block) {
    return {load_scales(block), kMinimum ? load_scales(block + kScaleBytes) : _mm512_setzero_ps()};
  }
  static __m512 scales(const Shared& of, const std::byte*, std::size_t, std::size_t) { return of.scales; }
  static __m512 minima(const Shared& of, const std::byte*, std::size_t) { return of.minima; }
};

template <std::size_t kPartCount>
struct Bytes : Block32<128, false, 512, kPartCount> {
  static constexpr int kWork = 0;

  static void unpack(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
    const __m512i sign = _mm512_set1_epi8(-128);
    first = _mm512_xor_si512(load_bytes(codes + 128 * c), sign);
    second = _mm512_xor_si512(load_bytes(codes + 128 * c + 64), sign);
  }
};
using Q8_0 = Bytes<1>;
using Q8_128 = Bytes<4>;

inline void unpack_nibbles(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
  const __m512i mask = _mm512_set1_epi8(15);
  __m512i both = load_bytes(codes + 64 * c);
  hold(both);
  first = _mm512_and_si512(both, mask);
  second = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
}

// Nibbles, and behind them the fifth bits: bit k of a byte belongs to columns 4 k … 4 k + 3.
inline void unpack_fives(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
  unpack_nibbles(codes, c, first, second);
  const __m512i fifth = load_bytes(codes + kNibbleBytes);
  const __m512i bit = _mm512_set1_epi8(static_cast<char>(1U << (2 * c)));
  const __m512i sixteen = _mm512_set1_epi8(16);
  first = _mm512_mask_add_epi8(first, _mm512_test_epi8_mask(fifth, bit), first, sixteen);
  second = _mm512_mask_add_epi8(second, _mm512_test_epi8_mask(fifth, _mm512_add_epi8(bit, bit)), second, sixteen);
}

template <class Base>
struct Nibbles : Base {
  static constexpr int kWork = Base::kParts == 8 ? 2 : 1;
  static constexpr auto unpack = unpack_nibbles;
};
template <class Base>
struct Fives : Base {
  static constexpr int kWork = 2;
  static constexpr auto unpack = unpack_fives;
};

using Q4_0 = Nibbles<Block32<8, false, kNibbleBytes>>;
using Q4_1 = Nibbles<Block32<0, true, kNibbleBytes>>;
using Q5_0 = Fives<Block32<16, false, kNibbleBytes + 64>>;
using Q5_1 = Fives<Block32<0, true, kNibbleBytes + 64>>;

// One scale for several parts.
using Q4_64 = Nibbles<Block32<8, false, kNibbleBytes, 2>>;
using Q4_128 = Nibbles<Block32<8, false, kNibbleBytes, 4>>;

// Looks the code book's values up, which are made unsigned by 128.
struct IQ4_NL : Block32<128, false, kNibbleBytes> {
  static constexpr int kWork = 2;

  static void unpack(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIQ4_NLValues));
    const __m512i table = _mm512_xor_si512(_mm512_broadcast_i32x4(values), _mm512_set1_epi8(-128));
    unpack_nibbles(codes, c, first, second);
    first = _mm512_shuffle_epi8(table, first);
    second = _mm512_shuffle_epi8(table, second);
  }
};

inline __m128i load_sixteen(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima : Packed, panel_parts::WithMinima<kCodeBytes> {
  using panel_parts::WithMinima<kCodeBytes>::part_of;
  static constexpr std::int32_t kOffset = 0;

  static Shared shared(const std::byte* block) {
    return {load_scales(block), _mm512_xor_ps(load_scales(block + kScaleBytes), _mm512_set1_ps(-0.0F))};
  }
  static __m512 scales(const Shared& of, const std::byte* block, std::size_t part, std::size_t) {
    const __m512i sub = _mm512_cvtepu8_epi32(load_sixteen(part_of(block, part)));
    return _mm512_mul_ps(of.scales, _mm512_cvtepi32_ps(sub));
  }
  static __m512 minima(const Shared& of, const std::byte* block, std::size_t part) {
    const __m512i sub = _mm512_cvtepu8_epi32(load_sixteen(part_of(block, part) + kPanelRows));
    return _mm512_mul_ps(of.minima, _mm512_cvtepi32_ps(sub));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part; upper bits 2 k and 2 k + 1 of a byte of half h belong to columns 16 h
// + 4 k … + 3.
struct Q6_K : Packed, panel_parts::WithTwoScales {
  static constexpr int kWork = 2;
  static constexpr std::int32_t kOffset = 32;

  static Shared shared(const std::byte* block) { return {load_scales(block), _mm512_setzero_ps()}; }
  static __m512 scales(const Shared& of, const std::byte* block, std::size_t part, std::size_t index) {
    const __m512i sub = _mm512_cvtepi8_epi32(load_sixteen(part_of(block, part) + kPanelRows * index));
    return _mm512_mul_ps(of.scales, _mm512_cvtepi32_ps(sub));
  }
  static void unpack(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
    unpack_nibbles(codes, c, first, second);
    const __m512i all = load_bytes(codes + kNibbleBytes + 64 * (c / 2));
    const __m512i four = c % 2 == 0 ? _mm512_slli_epi16(all, 4) : all;  // The pair of `first` at bits 4 and 5.
    const __m512i mask = _mm512_set1_epi8(0x30);
    first = _mm512_or_si512(first, _mm512_and_si512(four, mask));
    second = _mm512_or_si512(second, _mm512_and_si512(_mm512_srli_epi16(four, 2), mask));
  }
};

}  // namespace
}  // namespace linnet::kernels::avx512_vnni
