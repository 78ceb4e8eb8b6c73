// Multiplies a row-major matrix of floats (F32, F16 or BF16) by float activations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"
#include "kernels/variant.h"

namespace linnet::kernels {

// Rows of a matrix as GGUF stores it, each `columns` weights without padding, at any address.
struct FloatMatrix {
  const std::byte* weights;  // [rows, columns]
  std::size_t rows;
  std::size_t columns;
};

// Rows of activations, `stride` numbers apart.
struct FloatRows {
  const float* values;  // [rows, columns of the matrix]
  std::size_t rows;
  std::size_t stride;
};

// out[r * out_stride + i] = dot(row i of the matrix, row r of `in`): weights widened to f32 (exact), then 16 virtual
// lanes of fma and their tree. `out` overlaps no input.
using MatMulFloat = void (*)(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);

// The variants for kF32, kF16 or kBF16. Family name: "matmul_float".
[[nodiscard]] Variants<MatMulFloat> matmul_float_variants(Format format);

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
}  // namespace scalar
namespace avx2 {
void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
}  // namespace avx2
namespace avx512 {
void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
}  // namespace avx512
namespace neon {
void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride);
}  // namespace neon

}  // namespace linnet::kernels
