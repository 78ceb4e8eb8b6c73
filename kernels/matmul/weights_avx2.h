// How the 256-bit variants' products get a panel's codes, scales and minima as registers, format by format.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <immintrin.h>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/panel_parts.h"

namespace linnet::kernels::tile_avx2 {
namespace {

inline constexpr std::size_t kHalves = 2;  // A 256-bit register holds 8 of a panel's 16 rows, 4 columns each.
using panel_parts::kNibbleBytes;
using panel_parts::kScaleBytes;

inline __m256i load_bytes(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

inline __m256 load_scales(const std::byte* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// Four neighbouring activations in every lane.
inline __m256i broadcast(const std::int8_t* four) {
  std::int32_t bits;
  __builtin_memcpy(&bits, four, sizeof bits);
  return _mm256_set1_epi32(bits);
}

// A format tells how many blocks of 32 columns a panel block holds (kParts), how many scales a row has in each
// (kScales), where the codes of part `part` start, and how columns 8 c … 8 c + 3 and 8 c + 4 … 8 c + 7 of a half's rows
// become registers: signed bytes, or unsigned ones of which kOffset is to be taken off. kRun products of pairs
// (maddubs) fit a lane of 16 bits before it must be widened. kWork: what a block takes to
// unpack: 0 nothing, 1 little, 2 sub-scales or more than nibbles.

// Of a panel itself, not of a slab (slab_avx2.h).
struct Packed {
  static constexpr bool kIsSlab = false;
};

// The f16 scales and minima of a panel block, widened once for all of its parts.
struct Shared {
  __m256 scales[kHalves];
  __m256 minima[kHalves];
};

inline void load_shared(__m256 (&to)[kHalves], const std::byte* from) {
  for (std::size_t h = 0; h < kHalves; ++h) to[h] = load_scales(from + 16 * h);
}

// Formats of 32 columns: scales (and minima) first, then codes.
template <bool kMinimum, std::size_t kCodeBytes, std::size_t kPartCount = 1>
struct Block32 : Packed, panel_parts::UnderOneScale<kMinimum, kCodeBytes, kPartCount> {
  static void share(const std::byte* block, Shared& shared) {
    load_shared(shared.scales, block);
    if constexpr (kMinimum) load_shared(shared.minima, block + kScaleBytes);
  }
  static __m256 scales(const Shared& of, const std::byte*, std::size_t, std::size_t, std::size_t half) {
    return of.scales[half];
  }
  static __m256 minima(const Shared& of, const std::byte*, std::size_t, std::size_t half) { return of.minima[half]; }
};

// 8 bits: a pair's product is at most 2 * 128 * 127 = 32,512, so maddubs never saturates.
struct SignedBytes {
  static constexpr bool kSigned = true;
  static constexpr std::size_t kRun = 1;
  static constexpr std::int32_t kOffset = 0;
};

template <std::size_t kPartCount>
struct Bytes : Block32<false, 512, kPartCount>, SignedBytes {
  static constexpr int kWork = 0;

  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    first = load_bytes(codes + 128 * c + 32 * half);
    second = load_bytes(codes + 128 * c + 64 + 32 * half);
  }
};
using Q8_0 = Bytes<1>;
using Q8_128 = Bytes<4>;

inline void unpack_nibbles(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i both = load_bytes(codes + 64 * c + 32 * half);
  first = _mm256_and_si256(both, mask);
  second = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
}

// Looks the code book's values up.
struct IQ4_NL : Block32<false, kNibbleBytes>, SignedBytes {
  static constexpr int kWork = 2;

  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kIQ4_NLValues)));
    unpack_nibbles(codes, c, half, first, second);
    first = _mm256_shuffle_epi8(table, first);
    second = _mm256_shuffle_epi8(table, second);
  }
};

// 4 bits: 16 products of at most 15 * 127 are 30,480: a lane takes a whole block.
template <class Base, std::int32_t kCodeOffset = 0>
struct Nibbles : Base {
  static constexpr int kWork = Base::kParts == 8 ? 2 : 1;
  static constexpr bool kSigned = false;
  static constexpr std::size_t kRun = 8;
  static constexpr std::int32_t kOffset = kCodeOffset;
  static constexpr auto unpack = unpack_nibbles;
};

// 5 bits: 8 products of at most 31 * 127 are 31,496. Behind the nibbles lie the fifth bits: bit k of a byte belongs to
// columns 4 k … 4 k + 3.
template <class Base, std::int32_t kCodeOffset = 0>
struct Fives : Base {
  static constexpr int kWork = 2;
  static constexpr bool kSigned = false;
  static constexpr std::size_t kRun = 4;
  static constexpr std::int32_t kOffset = kCodeOffset;

  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    unpack_nibbles(codes, c, half, first, second);
    const __m256i all = load_bytes(codes + kNibbleBytes + 32 * half);
    const __m256i pair = _mm256_srli_epi16(all, static_cast<int>(2 * c));  // Bits 0 and 1 are those of this chunk.
    const __m256i mask = _mm256_set1_epi8(16);
    first = _mm256_or_si256(first, _mm256_and_si256(_mm256_slli_epi16(pair, 4), mask));
    second = _mm256_or_si256(second, _mm256_and_si256(_mm256_slli_epi16(pair, 3), mask));
  }
};

using Q4_0 = Nibbles<Block32<false, kNibbleBytes>, 8>;
using Q4_1 = Nibbles<Block32<true, kNibbleBytes>>;
using Q5_0 = Fives<Block32<false, kNibbleBytes + 64>, 16>;
using Q5_1 = Fives<Block32<true, kNibbleBytes + 64>>;

// One scale for several parts.
using Q4_64 = Nibbles<Block32<false, kNibbleBytes, 2>, 8>;
using Q4_128 = Nibbles<Block32<false, kNibbleBytes, 4>, 8>;

inline __m128i load_eight(const std::byte* from) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)); }

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima : Packed, panel_parts::WithMinima<kCodeBytes> {
  using panel_parts::WithMinima<kCodeBytes>::part_of;
  static void share(const std::byte* block, Shared& shared) {
    load_shared(shared.scales, block);
    load_shared(shared.minima, block + kScaleBytes);
    for (__m256& minima : shared.minima) minima = _mm256_xor_ps(minima, _mm256_set1_ps(-0.0F));
  }
  static __m256 scales(const Shared& of, const std::byte* block, std::size_t part, std::size_t, std::size_t half) {
    const __m256i sub = _mm256_cvtepu8_epi32(load_eight(part_of(block, part) + 8 * half));
    return _mm256_mul_ps(of.scales[half], _mm256_cvtepi32_ps(sub));
  }
  static __m256 minima(const Shared& of, const std::byte* block, std::size_t part, std::size_t half) {
    const __m256i sub = _mm256_cvtepu8_epi32(load_eight(part_of(block, part) + kPanelRows + 8 * half));
    return _mm256_mul_ps(of.minima[half], _mm256_cvtepi32_ps(sub));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part, and codes of 6 bits: 4 products of at most 63 * 127 are 32,004. Upper
// bits 2 k and 2 k + 1 of a byte of columns 16 h … 16 h + 15 belong to columns 16 h + 4 k … + 3.
struct Q6_K : Packed, panel_parts::WithTwoScales {
  static constexpr int kWork = 2;
  static constexpr bool kSigned = false;
  static constexpr std::size_t kRun = 2;
  static constexpr std::int32_t kOffset = 32;

  static void share(const std::byte* block, Shared& shared) { load_shared(shared.scales, block); }
  static __m256 scales(const Shared& of, const std::byte* block, std::size_t part, std::size_t index,
                       std::size_t half) {
    const __m256i sub = _mm256_cvtepi8_epi32(load_eight(part_of(block, part) + kPanelRows * index + 8 * half));
    return _mm256_mul_ps(of.scales[half], _mm256_cvtepi32_ps(sub));
  }
  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    unpack_nibbles(codes, c, half, first, second);
    const __m256i all = load_bytes(codes + kNibbleBytes + 64 * (c / 2) + 32 * half);
    const __m256i four = c % 2 == 0 ? _mm256_slli_epi16(all, 4) : all;  // The pair of `first` at bits 4 and 5.
    const __m256i mask = _mm256_set1_epi8(0x30);
    first = _mm256_or_si256(first, _mm256_and_si256(four, mask));
    second = _mm256_or_si256(second, _mm256_and_si256(_mm256_srli_epi16(four, 2), mask));
  }
};

// Bytes of one panel.
template <class Weights>
std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

}  // namespace
}  // namespace linnet::kernels::tile_avx2
