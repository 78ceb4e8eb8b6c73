// Random weights, made in the stored format at memory speed: no float pass, nothing kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/gguf/tensor_type.h"
#include "models/synthetic/random.h"

namespace linnet::synthetic {

// Fills a tensor's bytes piece by piece with weights of the given deviation around `mean`. Quantised formats are random
// codes under random scales, so `mean` must be 0 for them.
class WeightSource {
 public:
  // `type` is F32, F16, Q8_0, Q4_0 or Q4_1.
  WeightSource(gguf::TensorType type, float mean, float deviation, std::uint64_t seed);

  // `bytes` is a multiple of the type's block.
  void fill(std::span<std::byte> bytes);

 private:
  static constexpr std::size_t kValues = 4096;  // Float formats draw from a table: 12 random bits a weight.
  static constexpr std::size_t kScales = 16;

  template <class Stored>
  void fill_from(const std::array<Stored, kValues>& values, std::span<std::byte> bytes);
  void fill_blocks(std::span<std::byte> bytes);
  void make_scales(float deviation);

  gguf::TensorType type_;
  Random random_;
  std::array<float, kValues> values_{};
  std::array<std::uint16_t, kValues> halves_{};
  std::array<std::uint16_t, kScales> scales_{};  // f16
  std::array<std::uint16_t, kScales> minima_{};  // f16, of Q4_1.
};

}  // namespace linnet::synthetic
