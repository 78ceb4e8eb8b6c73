// Block layouts: ggml's block structures, as the `gguf` Python package unpacks them.
#include "models/pack/conversion.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>

#include "kernels/formats/block_code.h"
#include "kernels/formats/fifth_bits.h"
#include "kernels/formats/iq4_nl.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q5_0.h"
#include "kernels/formats/q6_k.h"
#include "kernels/formats/q8_0.h"

namespace linnet::pack {
namespace {

using gguf::TensorType;
using kernels::f16_to_f32;
using kernels::f32_to_f16;
using kernels::Format;
using kernels::load;
using kernels::store;

constexpr std::size_t kSuper = 256;  // Weights of a super-block.
constexpr float kLargestF16 = 65504.0F;

// The scale in f16: rounded, and the largest where it would be infinite.
std::uint16_t f16_scale(float scale) { return f32_to_f16(std::clamp(scale, -kLargestF16, kLargestF16)); }

// --- Q2_K: 2 bits, sixteen groups of 16 with 4-bit multiples of a scale and a minimum. ---

struct Q2_K {
  std::uint8_t multiples[16];  // Low nibble: of the scale; high: of the minimum.
  std::uint8_t codes[64];
  std::uint16_t scale;
  std::uint16_t minimum;
};
static_assert(sizeof(Q2_K) == 84);

// Two bits of weight i in 64 bytes: of 128 weights each, the bits 2 k of 32 bytes are weights 32 k ….
int two_bits(const std::uint8_t* codes, std::size_t i) {
  return codes[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3;
}

void dequantize_q2_k(const std::byte* bytes, float* weights) {
  const auto block = load<Q2_K>(bytes);
  for (std::size_t i = 0; i < kSuper; ++i) {
    const int multiples = block.multiples[i / 16];
    const float scale = f16_to_f32(block.scale) * static_cast<float>(multiples & 15);
    const float minimum = f16_to_f32(block.minimum) * static_cast<float>(multiples >> 4);
    weights[i] = scale * static_cast<float>(two_bits(block.codes, i)) - minimum;
  }
}

// Groups of 16 have a scale of their own in Q6_K too; the minimum goes into its codes, rounded.
void convert_q2_k(const std::byte* block, std::byte* converted) {
  float weights[kSuper];
  dequantize_q2_k(block, weights);
  kernels::quantize_row(Format::kQ6_K, weights, kSuper, converted);
}

// --- Q3_K: 3 bits, sixteen groups of 16 with signed 6-bit multiples of a scale. ---

struct Q3_K {
  std::uint8_t high[32];  // Bit k of byte j belongs to weight 32 k + j.
  std::uint8_t codes[64];
  std::uint8_t multiples[12];  // Eight bytes of low nibbles (0 … 7, then 8 … 15 high), four of pairs of upper bits.
  std::uint16_t scale;
};
static_assert(sizeof(Q3_K) == 110);

int multiple(const Q3_K& block, std::size_t group) {
  const int low = block.multiples[group % 8] >> (4 * (group / 8)) & 15;
  const int high = block.multiples[8 + group % 4] >> (2 * (group / 4)) & 3;
  return (low | high << 4) - 32;
}

// -4 … 3: the high bit, where it is not set, takes 4 off.
int code(const Q3_K& block, std::size_t i) {
  return two_bits(block.codes, i) - ((block.high[i % 32] >> (i / 32) & 1) != 0 ? 0 : 4);
}

void dequantize_q3_k(const std::byte* bytes, float* weights) {
  const auto block = load<Q3_K>(bytes);
  for (std::size_t i = 0; i < kSuper; ++i) {
    const float scale = f16_to_f32(block.scale) * static_cast<float>(multiple(block, i / 16));
    weights[i] = scale * static_cast<float>(code(block, i));
  }
}

// Q6_K holds all of it: the groups, their multiples, and codes twice as wide.
void convert_q3_k(const std::byte* bytes, std::byte* converted) {
  const auto block = load<Q3_K>(bytes);
  kernels::Q6_KBlock out{};
  out.scale = block.scale;
  for (std::size_t group = 0; group < 16; ++group) {
    out.sub_scales[group] = static_cast<std::int8_t>(multiple(block, group));
  }
  for (std::size_t i = 0; i < kSuper; ++i) kernels::put_code(code(block, i) + 32, i, out);
  store(converted, out);
}

// --- Q8_K: 8 bits with one float32 scale (ggml's activations; seldom in files). ---

struct Q8_K {
  float scale;
  std::int8_t codes[kSuper];
  std::int16_t sums[16];  // Of 16 codes each; follows from them.
};
static_assert(sizeof(Q8_K) == 292);

void dequantize_q8_k(const std::byte* bytes, float* weights) {
  const auto block = load<Q8_K>(bytes);
  for (std::size_t i = 0; i < kSuper; ++i) weights[i] = block.scale * static_cast<float>(block.codes[i]);
}

void convert_q8_k(const std::byte* bytes, std::byte* converted) {
  const auto block = load<Q8_K>(bytes);
  for (std::size_t part = 0; part < 8; ++part) {
    kernels::Q8_0Block out{};
    out.scale = f16_scale(block.scale);
    std::copy_n(block.codes + 32 * part, 32, out.values);
    store(converted + part * sizeof out, out);
  }
}

// --- IQ4_XS: IQ4_NL's code book, eight parts of 32 with signed 6-bit multiples of a scale. ---

struct IQ4_XS {
  std::uint16_t scale;
  std::uint16_t high;   // Two upper bits a part.
  std::uint8_t low[4];  // Two parts a byte.
  std::uint8_t nibbles[128];
};
static_assert(sizeof(IQ4_XS) == 136);

float scale_of(const IQ4_XS& block, std::size_t part) {
  const int low = block.low[part / 2] >> (4 * (part % 2)) & 15;
  const int high = block.high >> (2 * part) & 3;
  return f16_to_f32(block.scale) * static_cast<float>((low | high << 4) - 32);
}

void dequantize_iq4_xs(const std::byte* bytes, float* weights) {
  const auto block = load<IQ4_XS>(bytes);
  for (std::size_t i = 0; i < kSuper; ++i) {
    const int index = kernels::nibble(block.nibbles + 16 * (i / 32), i % 32);
    weights[i] = scale_of(block, i / 32) * static_cast<float>(kernels::kIQ4_NLValues[index]);
  }
}

void convert_iq4_xs(const std::byte* bytes, std::byte* converted) {
  const auto block = load<IQ4_XS>(bytes);
  for (std::size_t part = 0; part < 8; ++part) {
    kernels::IQ4_NLBlock out{};
    out.scale = f16_scale(scale_of(block, part));
    std::copy_n(block.nibbles + 16 * part, 16, out.nibbles);
    store(converted + part * sizeof out, out);
  }
}

// --- MXFP4: the FP4 numbers of OCP's microscaling formats 1.0 with a power of two as their scale. ---

struct MXFP4 {
  std::uint8_t exponent;
  std::uint8_t nibbles[16];
};
static_assert(sizeof(MXFP4) == 17);

constexpr std::int8_t kMXFP4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};  // Doubled.

// 2^(exponent - 128): half of what E8M0 says, as the values are doubled. The two least are subnormal.
float scale_of(const MXFP4& block) {
  const std::uint32_t exponent = block.exponent;
  return std::bit_cast<float>(exponent < 2 ? 0x00200000U << exponent : (exponent - 1) << 23U);
}

void dequantize_mxfp4(const std::byte* bytes, float* weights) {
  const auto block = load<MXFP4>(bytes);
  for (std::size_t i = 0; i < 32; ++i) {
    weights[i] = scale_of(block) * static_cast<float>(kMXFP4Values[kernels::nibble(block.nibbles, i)]);
  }
}

// Q5_0 has every value from -16 to 15; f16 has every power of two from 2^-24 to 2^15.
void convert_mxfp4(const std::byte* bytes, std::byte* converted) {
  const auto block = load<MXFP4>(bytes);
  kernels::Q5_0Block out{};
  out.scale = f16_scale(scale_of(block));
  for (std::size_t i = 0; i < 32; ++i) {
    kernels::put_code(kMXFP4Values[kernels::nibble(block.nibbles, i)] + 16, i, out.fifth_bits, out.nibbles);
  }
  store(converted, out);
}

// --- TQ1_0 and TQ2_0: -1, 0 and 1 (TQ2_0's fourth code: 2) with one scale. ---

struct TQ1_0 {
  std::uint8_t digits[48];  // Five base-3 digits a byte, as a fraction of 256.
  std::uint8_t last[4];     // Four.
  std::uint16_t scale;
};
static_assert(sizeof(TQ1_0) == 54);

struct TQ2_0 {
  std::uint8_t codes[64];
  std::uint16_t scale;
};
static_assert(sizeof(TQ2_0) == 66);

// Digit `place` of a fraction, the first is place 0: what three times the rest, shifted up, carries over.
int digit(std::uint8_t fraction, std::size_t place) {
  constexpr std::array<unsigned, 5> kPowers = {1, 3, 9, 27, 81};
  const unsigned rest = fraction * kPowers[place] & 0xFFU;
  return static_cast<int>(rest * 3 >> 8U) - 1;
}

int value(const TQ1_0& block, std::size_t i) {
  if (i < 160) return digit(block.digits[i % 32], i / 32);
  if (i < 240) return digit(block.digits[32 + (i - 160) % 16], (i - 160) / 16);
  return digit(block.last[(i - 240) % 4], (i - 240) / 4);
}
int value(const TQ2_0& block, std::size_t i) { return two_bits(block.codes, i) - 1; }

template <class Block>
void dequantize_ternary(const std::byte* bytes, float* weights) {
  const auto block = load<Block>(bytes);
  for (std::size_t i = 0; i < kSuper; ++i) weights[i] = f16_to_f32(block.scale) * static_cast<float>(value(block, i));
}

template <class Block>
void convert_ternary(const std::byte* bytes, std::byte* converted) {
  const auto block = load<Block>(bytes);
  for (std::size_t part = 0; part < 8; ++part) {
    kernels::Q4_0Block out{};
    out.scale = block.scale;
    for (std::size_t i = 0; i < 32; ++i) {
      const int nibble = value(block, 32 * part + i) + 8;
      out.nibbles[i % 16] |= static_cast<std::uint8_t>(nibble << (i < 16 ? 0 : 4));
    }
    store(converted + part * sizeof out, out);
  }
}

constexpr Conversion kConversions[] = {
    {TensorType::kQ2_K, Format::kQ6_K, false, dequantize_q2_k, convert_q2_k},
    {TensorType::kQ3_K, Format::kQ6_K, true, dequantize_q3_k, convert_q3_k},
    {TensorType::kQ8_K, Format::kQ8_0, false, dequantize_q8_k, convert_q8_k},
    {TensorType::kIQ4_XS, Format::kIQ4_NL, false, dequantize_iq4_xs, convert_iq4_xs},
    {TensorType::kMXFP4, Format::kQ5_0, true, dequantize_mxfp4, convert_mxfp4},
    {TensorType::kTQ1_0, Format::kQ4_0, true, dequantize_ternary<TQ1_0>, convert_ternary<TQ1_0>},
    {TensorType::kTQ2_0, Format::kQ4_0, true, dequantize_ternary<TQ2_0>, convert_ternary<TQ2_0>},
};

}  // namespace

std::span<const Conversion> conversions() { return kConversions; }

const Conversion* find_conversion(TensorType type) {
  const auto* found = std::ranges::find(kConversions, type, &Conversion::from);
  return found == std::end(kConversions) ? nullptr : found;
}

const gguf::TensorTypeInfo& tensor_type_of(Format format) {
  const auto types = gguf::tensor_types();
  const auto found = std::ranges::find(types, kernels::info(format).name, &gguf::TensorTypeInfo::name);
  assert(found != types.end());
  return *found;
}

std::size_t converted_bytes(const Conversion& conversion, std::size_t blocks) {
  return kernels::row_bytes(conversion.to, blocks * gguf::info(conversion.from).block_weights);
}

void convert_blocks(const Conversion& conversion, const std::byte* in, std::size_t blocks, std::byte* out) {
  const std::size_t size = gguf::info(conversion.from).block_bytes;
  const std::size_t converted = converted_bytes(conversion, 1);
  for (std::size_t i = 0; i < blocks; ++i) conversion.convert(in + i * size, out + i * converted);
}

}  // namespace linnet::pack
