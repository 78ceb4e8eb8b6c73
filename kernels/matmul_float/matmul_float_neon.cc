#include "kernels/math/vector_neon.h"
#include "kernels/matmul_float/matmul_float.h"

namespace linnet::kernels::neon {
namespace {

// How weights become four floats; of a tail only `count` are read. Their addresses are aligned to nothing.
struct F32 {
  static constexpr std::size_t kBytes = 4;
  static float32x4_t load(const std::byte* from) { return vld1q_f32(reinterpret_cast<const float*>(from)); }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static float32x4_t load(const std::byte* from) { return load_f16(reinterpret_cast<const std::uint16_t*>(from)); }
};

struct BF16 {
  static constexpr std::size_t kBytes = 2;
  static float32x4_t load(const std::byte* from) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from)), 16));
  }
};

template <class Weight>
float32x4_t load_weight_tail(const std::byte* from, std::size_t count) {
  if (count >= 4) return Weight::load(from);
  std::byte bytes[16] = {};
  __builtin_memcpy(bytes, from, count * Weight::kBytes);
  return Weight::load(bytes);
}

// The last columns % 16 products of one output.
template <class Weight>
void add_tail(const std::byte* weights, const float* in, std::size_t count, Lanes& lanes) {
  for (std::size_t q = 0; 4 * q < count; ++q) {
    const std::size_t left = count - 4 * q;
    const float32x4_t w = load_weight_tail<Weight>(weights + 4 * q * Weight::kBytes, left);
    lanes.quads[q] = multiply_add_first(left, w, load_tail(in + 4 * q, left), lanes.quads[q]);
  }
}

// kRows weight rows times kTokens activation rows: 4 * kRows * kTokens accumulators of the 32 registers.
template <class Weight, std::size_t kRows, std::size_t kTokens>
void tile(const std::byte* weights, std::size_t columns, const float* in, std::size_t in_stride, float* out,
          std::size_t out_stride) {
  Lanes lanes[kRows][kTokens];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t t = 0; t < kTokens; ++t) lanes[i][t] = zero_lanes();
  }
  const std::size_t whole = columns / 16 * 16;
  for (std::size_t c = 0; c < whole; c += 16) {
    for (std::size_t q = 0; q < 4; ++q) {
      for (std::size_t i = 0; i < kRows; ++i) {
        const float32x4_t w = Weight::load(weights + (i * columns + c + 4 * q) * Weight::kBytes);
        for (std::size_t t = 0; t < kTokens; ++t) {
          float32x4_t& lane = lanes[i][t].quads[q];
          lane = vfmaq_f32(lane, w, vld1q_f32(in + t * in_stride + c + 4 * q));
        }
      }
    }
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      add_tail<Weight>(weights + (i * columns + whole) * Weight::kBytes, in + t * in_stride + whole, columns - whole,
                       lanes[i][t]);
      out[t * out_stride + i] = total(lanes[i][t]);
    }
  }
}

// All weight rows times kTokens activation rows.
template <class Weight, std::size_t kTokens>
void strip(const FloatMatrix& matrix, const float* in, std::size_t in_stride, float* out, std::size_t out_stride) {
  const std::size_t row_bytes = matrix.columns * Weight::kBytes;
  std::size_t i = 0;
  for (; i + 2 <= matrix.rows; i += 2) {
    tile<Weight, 2, kTokens>(matrix.weights + i * row_bytes, matrix.columns, in, in_stride, out + i, out_stride);
  }
  if (i < matrix.rows) {
    tile<Weight, 1, kTokens>(matrix.weights + i * row_bytes, matrix.columns, in, in_stride, out + i, out_stride);
  }
}

template <class Weight>
void multiply(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  std::size_t r = 0;
  for (; r + 3 <= in.rows; r += 3) {
    strip<Weight, 3>(matrix, in.values + r * in.stride, in.stride, out + r * out_stride, out_stride);
  }
  for (; r < in.rows; ++r) {
    strip<Weight, 1>(matrix, in.values + r * in.stride, in.stride, out + r * out_stride, out_stride);
  }
}

}  // namespace

void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<F32>(matrix, in, out, out_stride);
}
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<F16>(matrix, in, out, out_stride);
}
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<BF16>(matrix, in, out, out_stride);
}

}  // namespace linnet::kernels::neon
