#include "kernels/math/vector_avx2.h"
#include "kernels/matmul_float/matmul_float.h"

namespace linnet::kernels::avx2 {
namespace {

// How 8 weights become floats; `tail` reads only `count` of them, the others are 0.
struct F32 {
  static constexpr std::size_t kBytes = 4;
  static __m256 load(const std::byte* from) { return _mm256_loadu_ps(reinterpret_cast<const float*>(from)); }
  static __m256 tail(const std::byte* from, std::size_t count) {
    return _mm256_maskload_ps(reinterpret_cast<const float*>(from), first_lanes(count));
  }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static __m256 load(const std::byte* from) { return load_f16(from); }
  static __m256 tail(const std::byte* from, std::size_t count) { return load(copy_of(from, count).bytes); }

  struct Eight {
    std::byte bytes[16];
  };
  static Eight copy_of(const std::byte* from, std::size_t count) {
    Eight eight = {};
    for (std::size_t i = 0; i < 16 && i < 2 * count; ++i) eight.bytes[i] = from[i];
    return eight;
  }
};

struct BF16 {
  static constexpr std::size_t kBytes = 2;
  static __m256 load(const std::byte* from) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static __m256 tail(const std::byte* from, std::size_t count) { return load(F16::copy_of(from, count).bytes); }
};

// The last columns % 16 products of one output.
template <class Weight>
void add_tail(const std::byte* weights, const float* in, std::size_t count, __m256& low, __m256& high) {
  const __m256i mask = first_lanes(count);
  low = multiply_add_where(mask, Weight::tail(weights, count), _mm256_maskload_ps(in, mask), low);
  if (count <= 8) return;
  const __m256i rest = first_lanes(count - 8);
  const __m256 w = Weight::tail(weights + 8 * Weight::kBytes, count - 8);
  high = multiply_add_where(rest, w, _mm256_maskload_ps(in + 8, rest), high);
}

// kRows weight rows times kTokens activation rows: 2 * kRows * kTokens accumulators, so that enough fmas are in flight
// (latency 4, two a cycle) and each load serves several. The next tile's weights are asked for meanwhile: rows are too
// short for the processor to foresee them.
template <class Weight, std::size_t kRows, std::size_t kTokens>
void tile(const std::byte* weights, std::size_t columns, const float* in, std::size_t in_stride, float* out,
          std::size_t out_stride) {
  __m256 low[kRows][kTokens];
  __m256 high[kRows][kTokens];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t t = 0; t < kTokens; ++t) low[i][t] = high[i][t] = _mm256_setzero_ps();
  }
  const std::size_t whole = columns / 16 * 16;
  const std::size_t ahead = kRows * columns * Weight::kBytes;
  for (std::size_t c = 0; c < whole; c += 16) {
    for (std::size_t i = 0; i < kRows; ++i) {
      const std::byte* const from = weights + (i * columns + c) * Weight::kBytes;
      _mm_prefetch(from + ahead, _MM_HINT_T1);
      const __m256 w0 = Weight::load(from);
      const __m256 w1 = Weight::load(from + 8 * Weight::kBytes);
      for (std::size_t t = 0; t < kTokens; ++t) {
        low[i][t] = _mm256_fmadd_ps(w0, _mm256_loadu_ps(in + t * in_stride + c), low[i][t]);
        high[i][t] = _mm256_fmadd_ps(w1, _mm256_loadu_ps(in + t * in_stride + c + 8), high[i][t]);
      }
    }
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      if (whole < columns) {
        add_tail<Weight>(weights + (i * columns + whole) * Weight::kBytes, in + t * in_stride + whole, columns - whole,
                         low[i][t], high[i][t]);
      }
      out[t * out_stride + i] = total(low[i][t], high[i][t]);
    }
  }
}

// kRows weight rows times all activation rows from `r` on, kTokens at a time; the row where fewer are left.
template <class Weight, std::size_t kRows, std::size_t kTokens>
std::size_t strip(const std::byte* weights, std::size_t columns, const FloatRows& in, std::size_t r, float* out,
                  std::size_t out_stride) {
  for (; r + kTokens <= in.rows; r += kTokens) {
    tile<Weight, kRows, kTokens>(weights, columns, in.values + r * in.stride, in.stride, out + r * out_stride,
                                 out_stride);
  }
  return r;
}

// Some weight rows pass through all activation rows while they lie in the first cache.
template <class Weight>
void multiply(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  const std::size_t row_bytes = matrix.columns * Weight::kBytes;
  std::size_t i = 0;
  for (; i + 4 <= matrix.rows; i += 4) {
    const std::byte* const weights = matrix.weights + i * row_bytes;
    const std::size_t r = strip<Weight, 2, 3>(weights, matrix.columns, in, 0, out + i, out_stride);
    strip<Weight, 2, 3>(weights + 2 * row_bytes, matrix.columns, in, 0, out + i + 2, out_stride);
    strip<Weight, 4, 1>(weights, matrix.columns, in, r, out + i, out_stride);
  }
  for (; i < matrix.rows; ++i) {
    const std::byte* const weights = matrix.weights + i * row_bytes;
    const std::size_t r = strip<Weight, 1, 3>(weights, matrix.columns, in, 0, out + i, out_stride);
    strip<Weight, 1, 1>(weights, matrix.columns, in, r, out + i, out_stride);
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

}  // namespace linnet::kernels::avx2
