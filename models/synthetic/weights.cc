#include "models/synthetic/weights.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "kernels/formats/half.h"

namespace linnet::synthetic {
namespace {

using gguf::TensorType;
using kernels::f32_to_f16;

// Standard deviations of uniformly random codes: -127..127, and 0..15 around its middle.
constexpr float kEightBitDeviation = 73.6F;
constexpr float kFourBitDeviation = 4.61F;
constexpr float kMiddleNibble = 7.5F;

// Nearly normal, from additions alone, so that every machine gives the same bits (Irwin-Hall).
float normal(Random& random) {
  float sum = -6.0F;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

}  // namespace

WeightSource::WeightSource(TensorType type, float mean, float deviation, std::uint64_t seed)
    : type_(type), random_(seed) {
  assert(mean == 0.0F || type == TensorType::kF32 || type == TensorType::kF16);
  for (std::size_t i = 0; i < kValues; ++i) {
    values_[i] = mean + deviation * normal(random_);
    halves_[i] = f32_to_f16(values_[i]);
  }
  make_scales(deviation);
}

void WeightSource::make_scales(float deviation) {
  const float code_deviation = type_ == TensorType::kQ8_0 ? kEightBitDeviation : kFourBitDeviation;
  for (std::size_t i = 0; i < kScales; ++i) {
    float scale = deviation / code_deviation * (0.5F + random_.uniform());
    // Offset codes lean to the negative by half a step: scales of both signs make that up.
    if (type_ == TensorType::kQ4_0 && i % 2 == 1) scale = -scale;
    scales_[i] = f32_to_f16(scale);
    minima_[i] = f32_to_f16(-kMiddleNibble * scale);
  }
}

void WeightSource::fill(std::span<std::byte> bytes) {
  if (type_ == TensorType::kF32) return fill_from(values_, bytes);
  if (type_ == TensorType::kF16) return fill_from(halves_, bytes);
  fill_blocks(bytes);
}

template <class Stored>
void WeightSource::fill_from(const std::array<Stored, kValues>& values, std::span<std::byte> bytes) {
  constexpr std::size_t kDrawsANumber = 5;  // 12 bits each.
  const std::size_t count = bytes.size() / sizeof(Stored);
  for (std::size_t i = 0; i < count;) {
    std::uint64_t bits = random_.next();
    for (std::size_t draw = 0; draw < kDrawsANumber && i < count; ++draw, ++i, bits >>= 12) {
      std::memcpy(&bytes[i * sizeof(Stored)], &values[bits % kValues], sizeof(Stored));
    }
  }
}

void WeightSource::fill_blocks(std::span<std::byte> bytes) {
  const std::size_t block_bytes = gguf::info(type_).block_bytes;
  const std::size_t header_bytes = type_ == TensorType::kQ4_1 ? 4 : 2;
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    const std::size_t scale = random_.next() % kScales;
    std::memcpy(&bytes[at], &scales_[scale], 2);
    if (type_ == TensorType::kQ4_1) std::memcpy(&bytes[at + 2], &minima_[scale], 2);
    for (std::size_t i = header_bytes; i < block_bytes; i += 8) {
      const std::uint64_t codes = random_.next();
      std::memcpy(&bytes[at + i], &codes, sizeof codes);
    }
  }
  if (type_ != TensorType::kQ8_0) return;
  // No quantiser writes -128, and kernels may rely on that.
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    const auto codes = bytes.subspan(at + header_bytes, block_bytes - header_bytes);
    std::ranges::replace(codes, std::byte{0x80}, std::byte{0x81});
  }
}

}  // namespace linnet::synthetic
