#include "kernels/attention/attention.h"
#include "kernels/attention/row_scales.h"
#include "kernels/math/vector_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

constexpr std::size_t kTileHeads = 4;  // Query heads that share each load and conversion of a key or value.

std::size_t least(std::size_t a, std::size_t b) { return a < b ? a : b; }

// How rows of a format are read. Tails are of fewer than 8 numbers; the lanes behind them are 0.
struct F16Rows {
  static constexpr bool kScaled = false;
  static __m256 load(const std::uint16_t* row, std::size_t i) { return load_f16(row + i); }
  static __m256 load_tail(const std::uint16_t* row, std::size_t i, std::size_t count) {
    return load_f16_tail(row + i, count);
  }
};

struct Q8Rows {
  static constexpr bool kScaled = true;
  static __m256 widen(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }
  static __m256 load(const std::uint16_t* row, std::size_t i) {
    return widen(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(q8_values(row) + i)));
  }
  static __m256 load_tail(const std::uint16_t* row, std::size_t i, std::size_t count) {
    std::int8_t bytes[8] = {};
    __builtin_memcpy(bytes, q8_values(row) + i, least(count, 8));
    return widen(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
  }
};

// weights[h][j] = dot(query of head h, key j) * scale; maxima[h] = the largest of them
template <class Rows, std::size_t kHeads>
void scores(const AttentionPage& page, const RowScales& scales, const float* queries, std::size_t positions,
            float (*weights)[kPagePositions], float* maxima) {
  const std::size_t whole = page.key_width / 16 * 16;
  const std::size_t tail = page.key_width - whole;
  const __m256i low_mask = first_lanes(tail);
  const __m256i high_mask = first_lanes(tail > 8 ? tail - 8 : 0);
  for (std::size_t j = 0; j < positions; ++j) {
    const std::uint16_t* const key = page.keys + j * page.key_stride;
    __m256 low[kHeads];
    __m256 high[kHeads];
    for (std::size_t h = 0; h < kHeads; ++h) low[h] = high[h] = _mm256_setzero_ps();
    for (std::size_t i = 0; i < whole; i += 16) {
      const __m256 k0 = Rows::load(key, i);
      const __m256 k1 = Rows::load(key, i + 8);
      for (std::size_t h = 0; h < kHeads; ++h) {
        const float* const query = queries + h * page.key_width + i;
        low[h] = _mm256_fmadd_ps(_mm256_loadu_ps(query), k0, low[h]);
        high[h] = _mm256_fmadd_ps(_mm256_loadu_ps(query + 8), k1, high[h]);
      }
    }
    for (std::size_t h = 0; h < kHeads; ++h) {
      if (tail > 0) {
        const float* const query = queries + h * page.key_width + whole;
        low[h] = multiply_add_where(low_mask, _mm256_maskload_ps(query, low_mask), Rows::load_tail(key, whole, tail),
                                    low[h]);
        if (tail > 8) {
          high[h] = multiply_add_where(high_mask, _mm256_maskload_ps(query + 8, high_mask),
                                       Rows::load_tail(key, whole + 8, tail - 8), high[h]);
        }
      }
      float score = total(low[h], high[h]) * page.scale;
      if constexpr (Rows::kScaled) score *= scales.keys[j];
      weights[h][j] = score;
      maxima[h] = j == 0 || score > maxima[h] ? score : maxima[h];
    }
  }
  for (std::size_t h = 0; h < kHeads; ++h) maxima[h] += 0.0F;  // -0 and +0 become the same bits.
}

// Scores become weights exp(s - maximum), in place; returns their 16-lane sum.
float exponentials(float* weights, std::size_t count, float maximum) {
  const __m256 maxima = _mm256_set1_ps(maximum);
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  for (std::size_t j = 0; j < count; j += 16) {
    // Lanes past the end add +0 to sums that are never -0: they stay as they are.
    const __m256i low_mask = first_lanes(count - j);
    const __m256i high_mask = first_lanes(count - j > 8 ? count - j - 8 : 0);
    __m256 p = exp(_mm256_sub_ps(_mm256_maskload_ps(weights + j, low_mask), maxima));
    _mm256_maskstore_ps(weights + j, low_mask, p);
    low = _mm256_add_ps(low, _mm256_and_ps(p, _mm256_castsi256_ps(low_mask)));
    p = exp(_mm256_sub_ps(_mm256_maskload_ps(weights + j + 8, high_mask), maxima));
    _mm256_maskstore_ps(weights + j + 8, high_mask, p);
    high = _mm256_add_ps(high, _mm256_and_ps(p, _mm256_castsi256_ps(high_mask)));
  }
  return total(low, high);
}

// out[h] = sum over positions of weights[h][j] * value j
template <class Rows, std::size_t kHeads>
void weighted_values(const AttentionPage& page, const float (*weights)[kPagePositions], std::size_t positions,
                     float* out) {
  for (std::size_t d = 0; d < page.value_width; d += 16) {
    const std::size_t width = least(page.value_width - d, 16);
    __m256 low[kHeads];
    __m256 high[kHeads];
    for (std::size_t h = 0; h < kHeads; ++h) low[h] = high[h] = _mm256_setzero_ps();
    for (std::size_t j = 0; j < positions; ++j) {
      const std::uint16_t* const value = page.values + j * page.value_stride;
      const __m256 v0 = width >= 8 ? Rows::load(value, d) : Rows::load_tail(value, d, width);
      const __m256 v1 =
          width == 16 ? Rows::load(value, d + 8) : Rows::load_tail(value, d + 8, width > 8 ? width - 8 : 0);
      for (std::size_t h = 0; h < kHeads; ++h) {
        const __m256 weight = _mm256_set1_ps(weights[h][j]);
        low[h] = _mm256_fmadd_ps(weight, v0, low[h]);
        high[h] = _mm256_fmadd_ps(weight, v1, high[h]);
      }
    }
    for (std::size_t h = 0; h < kHeads; ++h) {
      float* const to = out + h * page.value_width + d;
      _mm256_maskstore_ps(to, first_lanes(width), low[h]);
      if (width > 8) _mm256_maskstore_ps(to + 8, first_lanes(width - 8), high[h]);
    }
  }
}

// kHeads query heads from head `h` on of row `r`.
template <class Rows, std::size_t kHeads>
void attend(const AttentionPage& page, const RowScales& scales, const AttentionPart& part, std::size_t r,
            std::size_t h) {
  const std::size_t positions = least(page.positions, page.first_row_sees + r);
  float weights[kHeads][kPagePositions];
  const std::size_t first = r * page.heads + h;
  const float* const queries = page.queries + r * page.query_stride + h * page.key_width;
  scores<Rows, kHeads>(page, scales, queries, positions, weights, part.maximum + first);
  for (std::size_t i = 0; i < kHeads; ++i) {
    part.sum[first + i] = exponentials(weights[i], positions, part.maximum[first + i]);
    if constexpr (Rows::kScaled) scale_weights(scales, positions, weights[i]);
  }
  weighted_values<Rows, kHeads>(page, weights, positions, part.out + r * part.out_stride + h * page.value_width);
}

template <class Rows>
void attend_rows(const AttentionPage& page, const RowScales& scales, const AttentionPart& part) {
  for (std::size_t r = 0; r < page.rows; ++r) {
    std::size_t h = 0;
    for (; h + kTileHeads <= page.heads; h += kTileHeads) attend<Rows, kTileHeads>(page, scales, part, r, h);
    switch (page.heads - h) {
      case 3: attend<Rows, 3>(page, scales, part, r, h); break;
      case 2: attend<Rows, 2>(page, scales, part, r, h); break;
      case 1: attend<Rows, 1>(page, scales, part, r, h); break;
      default: break;
    }
  }
}

void attend_page(const AttentionPage& page, const AttentionPart& part) {
  if (page.format == CacheFormat::kF16) return attend_rows<F16Rows>(page, kNoScales, part);
  RowScales scales{};
  read_scales(page, scales);
  attend_rows<Q8Rows>(page, scales, part);
}

// out = fma(out, a, other * b)
void blend(float* out, const float* other, std::size_t count, __m256 a, __m256 b) {
  std::size_t d = 0;
  for (; d + 8 <= count; d += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(other + d), b);
    _mm256_storeu_ps(out + d, _mm256_fmadd_ps(_mm256_loadu_ps(out + d), a, scaled));
  }
  if (d < count) {
    const __m256i mask = first_lanes(count - d);
    const __m256 scaled = _mm256_mul_ps(_mm256_maskload_ps(other + d, mask), b);
    _mm256_maskstore_ps(out + d, mask, _mm256_fmadd_ps(_mm256_maskload_ps(out + d, mask), a, scaled));
  }
}

void merge_parts(const AttentionShape& shape, const AttentionPart& into, const AttentionPart& next) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    const float mine = into.maximum[i];
    const float theirs = next.maximum[i];
    const float maximum = mine < theirs ? theirs : mine;
    const __m256 a = exp(_mm256_set1_ps(mine - maximum));
    const __m256 b = exp(_mm256_set1_ps(theirs - maximum));
    into.maximum[i] = maximum;
    const __m128 scaled = _mm_mul_ss(_mm_set_ss(next.sum[i]), _mm256_castps256_ps128(b));
    into.sum[i] = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(into.sum[i]), _mm256_castps256_ps128(a), scaled));
    const std::size_t r = i / shape.heads;
    const std::size_t first = i % shape.heads * shape.value_width;
    blend(into.out + r * into.out_stride + first, next.out + r * next.out_stride + first, shape.value_width, a, b);
  }
}

void finish_part(const AttentionShape& shape, const AttentionPart& part) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    float* const out = part.out + i / shape.heads * part.out_stride + i % shape.heads * shape.value_width;
    const __m256 sum = _mm256_set1_ps(part.sum[i]);
    std::size_t d = 0;
    for (; d + 8 <= shape.value_width; d += 8) _mm256_storeu_ps(out + d, _mm256_div_ps(_mm256_loadu_ps(out + d), sum));
    if (d < shape.value_width) {
      const __m256i mask = first_lanes(shape.value_width - d);
      _mm256_maskstore_ps(out + d, mask, _mm256_div_ps(_mm256_maskload_ps(out + d, mask), sum));
    }
  }
}

}  // namespace

const Attention kAttention{attend_page, merge_parts, finish_part};

}  // namespace linnet::kernels::avx2
