#include "kernels/formats/block_code.h"
#include "kernels/formats/half.h"

namespace linnet::kernels {
namespace {

void dequantize_f32(const std::byte* weight, float* out) { *out = load<float>(weight); }
void dequantize_f16(const std::byte* weight, float* out) { *out = f16_to_f32(load<std::uint16_t>(weight)); }
void dequantize_bf16(const std::byte* weight, float* out) { *out = bf16_to_f32(load<std::uint16_t>(weight)); }

void quantize_f32(const float* in, std::byte* weight) { store(weight, *in); }
void quantize_f16(const float* in, std::byte* weight) { store(weight, f32_to_f16(*in)); }
void quantize_bf16(const float* in, std::byte* weight) { store(weight, f32_to_bf16(*in)); }

}  // namespace

const BlockCode kF32Code{dequantize_f32, quantize_f32, nullptr, nullptr};
const BlockCode kF16Code{dequantize_f16, quantize_f16, nullptr, nullptr};
const BlockCode kBF16Code{dequantize_bf16, quantize_bf16, nullptr, nullptr};

}  // namespace linnet::kernels
