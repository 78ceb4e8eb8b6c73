// How the KV cache keeps the numbers of one head at one position: as f16, or as int8 with a scale of their own.
//
// A row is counted in 16-bit numbers whatever its format, so that whoever moves rows need not know it. Everything is
// static: the files of instruction sets include it (kernels/math/vector_avx2.h says why).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace linnet::kernels {

enum class CacheFormat : std::uint8_t {
  kF16,  // [width]
  kQ8,   // int8 [width], padded to a multiple of 4, then a float32 scale: a number is scale * int8.
};

// 16-bit numbers of one row.
static constexpr std::size_t cache_row_numbers(CacheFormat format, std::size_t width) {
  return format == CacheFormat::kF16 ? width : (width + 3) / 4 * 2 + 2;
}

static inline const std::int8_t* q8_values(const std::uint16_t* row) {
  return reinterpret_cast<const std::int8_t*>(row);
}

static inline float q8_scale(const std::uint16_t* row, std::size_t width) {
  float scale = 0;
  std::memcpy(&scale, q8_values(row) + (width + 3) / 4 * 4, sizeof scale);
  return scale;
}

// The scales of `count` rows that lie `stride` numbers apart.
static inline void q8_scales(const std::uint16_t* rows, std::size_t stride, std::size_t width, std::size_t count,
                             float* scales) {
  for (std::size_t j = 0; j < count; ++j) scales[j] = q8_scale(rows + j * stride, width);
}

// Puts `width` floats into a row of kQ8: scale = largest magnitude / 127, numbers to nearest even. Where that scale has
// no inverse (all 0, or next to it) all numbers are 0. What is not finite gives an undefined row.
void store_q8_row(const float* in, std::size_t width, std::uint16_t* row);

}  // namespace linnet::kernels
