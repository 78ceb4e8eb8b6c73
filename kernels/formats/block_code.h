// What a format's file gives to the table in `format.cc`: its code for one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/formats/half.h"

namespace linnet::kernels {

// Blocks are bytes at any address: rows of GGUF tensors need no alignment (18 bytes a block of Q4_0).
struct BlockCode {
  void (*dequantize)(const std::byte* block, float* out);
  void (*quantize)(const float* in, std::byte* block);
  // Puts a block at its place as row `row` (0..15) of a panel block whose bytes were zero, and takes it out again. Null
  // where the format stays row-major.
  void (*pack)(const std::byte* block, std::size_t row, std::byte* panel_block);
  void (*unpack)(const std::byte* panel_block, std::size_t row, std::byte* block);
};

extern const BlockCode kF32Code;
extern const BlockCode kF16Code;
extern const BlockCode kBF16Code;
extern const BlockCode kQ8_0Code;
extern const BlockCode kQ4_0Code;
extern const BlockCode kQ4_1Code;
extern const BlockCode kQ5_0Code;
extern const BlockCode kQ5_1Code;
extern const BlockCode kIQ4_NLCode;
extern const BlockCode kQ4_KCode;
extern const BlockCode kQ5_KCode;
extern const BlockCode kQ6_KCode;
extern const BlockCode kQ4_64Code;
extern const BlockCode kQ4_128Code;
extern const BlockCode kQ8_128Code;

// Unaligned reads and writes.
template <class T>
[[nodiscard]] T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void store(std::byte* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
}

// The `row`-th f16 of the 16 that start at `scales`: scales lie first in every panel block.
[[nodiscard]] inline float panel_scale(const std::byte* scales, std::size_t row) {
  return f16_to_f32(load<std::uint16_t>(scales + 2 * row));
}

}  // namespace linnet::kernels
