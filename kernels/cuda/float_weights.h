// Row-major F32, F16 and BF16 weights: four numbers at a time.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/formats/format.h"

namespace linnet::kernels::cuda {

template <Format kFormat>
struct FloatWeights {
  static constexpr std::uint32_t kBytes = kFormat == Format::kF32 ? 4 : 2;

  LINNET_DEVICE static float one(const std::byte* row, std::uint32_t column) {
    if constexpr (kFormat == Format::kF32) return reinterpret_cast<const float*>(row)[column];
    const std::uint16_t bits = reinterpret_cast<const std::uint16_t*>(row)[column];
    return kFormat == Format::kF16 ? half_to_float(bits) : bf16_to_float(bits);
  }

  // Columns 4 i … 4 i + 3 of a row on a multiple of 16 bytes (8 of 16-bit formats).
  LINNET_DEVICE static void four(const std::byte* row, std::uint32_t i, float (&out)[4]) {
    if constexpr (kFormat == Format::kF32) {
      const Words4 words = load_streaming(row + 16 * static_cast<std::size_t>(i));
      LINNET_UNROLL
      for (std::uint32_t c = 0; c < 4; ++c) out[c] = float_of(words.word[c]);
    } else {
      const Words2 words = load_streaming2(row + 8 * static_cast<std::size_t>(i));
      LINNET_UNROLL
      for (std::uint32_t c = 0; c < 4; ++c) {
        const auto bits = static_cast<std::uint16_t>(words.word[c / 2] >> (16 * (c % 2)));
        out[c] = kFormat == Format::kF16 ? half_to_float(bits) : bf16_to_float(bits);
      }
    }
  }
};

[[nodiscard]] LINNET_DEVICE bool is_aligned(const void* pointer, std::uint32_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

}  // namespace linnet::kernels::cuda
