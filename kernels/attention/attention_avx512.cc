#include "kernels/attention/attention.h"
#include "kernels/attention/row_scales.h"
#include "kernels/math/vector_avx512.h"

namespace linnet::kernels::avx512 {
namespace {

// Queries that share each load and conversion of a key or value. Four of them with four positions, or four registers of
// a value, make 16 chains of fma, which hide its latency of 4 cycles.
constexpr std::size_t kTile = 4;

std::size_t least(std::size_t a, std::size_t b) { return a < b ? a : b; }

// How rows of a format are read, 16 numbers at a time; where the mask is not set nothing is read and the lane is 0.
struct F16Rows {
  static constexpr bool kScaled = false;
  static __m512 load(const std::uint16_t* row, std::size_t i) { return load_f16(row + i); }
  static __m512 load(const std::uint16_t* row, std::size_t i, __mmask16 lanes) { return load_f16(row + i, lanes); }
};

struct Q8Rows {
  static constexpr bool kScaled = true;
  static __m512 widen(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)); }
  static __m512 load(const std::uint16_t* row, std::size_t i) {
    return widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q8_values(row) + i)));
  }
  static __m512 load(const std::uint16_t* row, std::size_t i, __mmask16 lanes) {
    return widen(_mm_maskz_loadu_epi8(lanes, q8_values(row) + i));
  }
};

// Neighbouring queries: heads of a row, then those of the next one, which sees one position more.
template <std::size_t kQueries>
struct Tile {
  const float* queries[kQueries];
  float* out[kQueries];
  std::size_t positions[kQueries];
  alignas(64) float weights[kQueries][kPagePositions];

  Tile(const AttentionPage& page, const AttentionPart& part, std::size_t first) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      const std::size_t row = (first + q) / page.heads;
      const std::size_t head = (first + q) % page.heads;
      queries[q] = page.queries + row * page.query_stride + head * page.key_width;
      out[q] = part.out + row * part.out_stride + head * page.value_width;
      positions[q] = least(page.positions, page.first_row_sees + row);
    }
  }
};

// weights[q][j] = dot(query q, key j) * scale for all positions that the last query sees; behind them, up to a multiple
// of four, repetitions of the last.
template <class Rows, std::size_t kQueries>
void scores(const AttentionPage& page, const RowScales& scales, Tile<kQueries>& tile) {
  const std::size_t positions = tile.positions[kQueries - 1];
  const std::size_t whole = page.key_width / 16 * 16;
  const __mmask16 tail = first_lanes(page.key_width - whole);
  const __m512 scale = _mm512_set1_ps(page.scale);
  for (std::size_t first = 0; first < positions; first += 4) {
    const std::uint16_t* keys[4];
    for (std::size_t j = 0; j < 4; ++j) keys[j] = page.keys + least(first + j, positions - 1) * page.key_stride;
    __m512 sums[4][kTile];  // [position][query]
    for (auto& position : sums) {
      for (__m512& sum : position) sum = _mm512_setzero_ps();
    }
    for (std::size_t i = 0; i < whole; i += 16) {
      __m512 query[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q) query[q] = _mm512_loadu_ps(tile.queries[q] + i);
      for (std::size_t j = 0; j < 4; ++j) {
        const __m512 key = Rows::load(keys[j], i);
        for (std::size_t q = 0; q < kQueries; ++q) sums[j][q] = _mm512_fmadd_ps(query[q], key, sums[j][q]);
      }
    }
    if (tail != 0) {  // The other lanes stay as they are.
      for (std::size_t j = 0; j < 4; ++j) {
        const __m512 key = Rows::load(keys[j], whole, tail);
        for (std::size_t q = 0; q < kQueries; ++q) {
          const __m512 query = _mm512_maskz_loadu_ps(tail, tile.queries[q] + whole);
          sums[j][q] = _mm512_mask3_fmadd_ps(query, key, sums[j][q], tail);
        }
      }
    }
    alignas(64) float scaled[4][4];  // [query][position]
    __m512 products = _mm512_mul_ps(totals(sums), scale);
    if constexpr (Rows::kScaled) {
      products = _mm512_mul_ps(products, _mm512_broadcast_f32x4(_mm_loadu_ps(scales.keys + first)));
    }
    _mm512_store_ps(scaled, products);
    for (std::size_t q = 0; q < kQueries; ++q) _mm_store_ps(tile.weights[q] + first, _mm_load_ps(scaled[q]));
  }
}

float largest(const float* numbers, std::size_t count) {
  __m512 maxima = _mm512_set1_ps(-__builtin_inff());
  for (std::size_t j = 0; j < count; j += 16) {
    const __mmask16 lanes = first_lanes(count - j);
    maxima = _mm512_mask_max_ps(maxima, lanes, _mm512_maskz_loadu_ps(lanes, numbers + j), maxima);
  }
  return _mm512_reduce_max_ps(maxima) + 0.0F;  // -0 and +0 become the same bits.
}

// Scores become weights exp(s - maximum), in place; returns their 16-lane sum.
float exponentials(float* weights, std::size_t count, float maximum) {
  const __m512 maxima = _mm512_set1_ps(maximum);
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t j = 0; j < count; j += 16) {
    const __mmask16 lanes = first_lanes(count - j);
    const __m512 p = exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, weights + j), maxima));
    _mm512_mask_storeu_ps(weights + j, lanes, p);
    sum = _mm512_mask_add_ps(sum, lanes, sum, p);
  }
  return total(sum);
}

// Sums over positions of weights[q][j] * value j, for 16 kRegisters numbers of the values from number `d` on, or for
// those that `lanes` names. The accumulators of all queries are registers: what only later rows see comes behind.
template <class Rows, std::size_t kQueries, std::size_t kRegisters>
void weighted_values(const AttentionPage& page, const Tile<kQueries>& tile, std::size_t d, __mmask16 lanes) {
  __m512 sums[kQueries][kRegisters];
  for (auto& query : sums) {
    for (__m512& sum : query) sum = _mm512_setzero_ps();
  }
  const std::size_t shared = tile.positions[0];
  const std::uint16_t* values = page.values;
  for (std::size_t j = 0; j < shared; ++j, values += page.value_stride) {
    for (std::size_t i = 0; i < kRegisters; ++i) {
      const __m512 value = kRegisters > 1 ? Rows::load(values, d + 16 * i) : Rows::load(values, d, lanes);
      for (std::size_t q = 0; q < kQueries; ++q) {
        sums[q][i] = _mm512_fmadd_ps(_mm512_set1_ps(tile.weights[q][j]), value, sums[q][i]);
      }
    }
  }
  for (std::size_t q = 0; q < kQueries; ++q) {
    for (std::size_t i = 0; i < kRegisters; ++i) _mm512_mask_storeu_ps(tile.out[q] + d + 16 * i, lanes, sums[q][i]);
  }
}

// The positions that a query sees beyond those that all of its tile see.
template <class Rows>
void add_values(const AttentionPage& page, const float* weights, std::size_t first, std::size_t end, float* out) {
  for (std::size_t j = first; j < end; ++j) {
    const __m512 weight = _mm512_set1_ps(weights[j]);
    for (std::size_t d = 0; d < page.value_width; d += 16) {
      const __mmask16 lanes = first_lanes(page.value_width - d);
      const __m512 value = Rows::load(page.values + j * page.value_stride, d, lanes);
      const __m512 sum = _mm512_fmadd_ps(weight, value, _mm512_maskz_loadu_ps(lanes, out + d));
      _mm512_mask_storeu_ps(out + d, lanes, sum);
    }
  }
}

// kQueries queries from number `first` on.
template <class Rows, std::size_t kQueries>
void attend(const AttentionPage& page, const RowScales& scales, const AttentionPart& part, std::size_t first) {
  Tile<kQueries> tile(page, part, first);
  scores<Rows>(page, scales, tile);
  for (std::size_t q = 0; q < kQueries; ++q) {
    part.maximum[first + q] = largest(tile.weights[q], tile.positions[q]);
    part.sum[first + q] = exponentials(tile.weights[q], tile.positions[q], part.maximum[first + q]);
    if constexpr (Rows::kScaled) scale_weights(scales, tile.positions[q], tile.weights[q]);
  }
  std::size_t d = 0;
  for (; d + 64 <= page.value_width; d += 64) weighted_values<Rows, kQueries, 4>(page, tile, d, first_lanes(16));
  for (; d < page.value_width; d += 16) {
    weighted_values<Rows, kQueries, 1>(page, tile, d, first_lanes(page.value_width - d));
  }
  for (std::size_t q = 0; q < kQueries; ++q) {
    add_values<Rows>(page, tile.weights[q], tile.positions[0], tile.positions[q], tile.out[q]);
  }
}

template <class Rows>
void attend_rows(const AttentionPage& page, const RowScales& scales, const AttentionPart& part) {
  const std::size_t count = page.rows * page.heads;
  std::size_t first = 0;
  for (; first + kTile <= count; first += kTile) attend<Rows, kTile>(page, scales, part, first);
  switch (count - first) {
    case 3: attend<Rows, 3>(page, scales, part, first); break;
    case 2: attend<Rows, 2>(page, scales, part, first); break;
    case 1: attend<Rows, 1>(page, scales, part, first); break;
    default: break;
  }
}

void attend_page(const AttentionPage& page, const AttentionPart& part) {
  if (page.format == CacheFormat::kF16) return attend_rows<F16Rows>(page, kNoScales, part);
  RowScales scales{};
  read_scales(page, scales);
  attend_rows<Q8Rows>(page, scales, part);
}

void merge_parts(const AttentionShape& shape, const AttentionPart& into, const AttentionPart& next) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    const float mine = into.maximum[i];
    const float theirs = next.maximum[i];
    const float maximum = mine < theirs ? theirs : mine;
    const __m512 a = exp(_mm512_set1_ps(mine - maximum));
    const __m512 b = exp(_mm512_set1_ps(theirs - maximum));
    into.maximum[i] = maximum;
    const __m512 scaled = _mm512_mul_ps(_mm512_set1_ps(next.sum[i]), b);
    into.sum[i] = _mm512_cvtss_f32(_mm512_fmadd_ps(_mm512_set1_ps(into.sum[i]), a, scaled));
    const std::size_t at = i % shape.heads * shape.value_width;
    float* const out = into.out + i / shape.heads * into.out_stride + at;
    const float* const other = next.out + i / shape.heads * next.out_stride + at;
    for (std::size_t d = 0; d < shape.value_width; d += 16) {
      const __mmask16 lanes = first_lanes(shape.value_width - d);
      const __m512 addend = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, other + d), b);
      _mm512_mask_storeu_ps(out + d, lanes, _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, out + d), a, addend));
    }
  }
}

void finish_part(const AttentionShape& shape, const AttentionPart& part) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    float* const out = part.out + i / shape.heads * part.out_stride + i % shape.heads * shape.value_width;
    const __m512 sum = _mm512_set1_ps(part.sum[i]);
    for (std::size_t d = 0; d < shape.value_width; d += 16) {
      const __mmask16 lanes = first_lanes(shape.value_width - d);
      _mm512_mask_storeu_ps(out + d, lanes, _mm512_div_ps(_mm512_maskz_loadu_ps(lanes, out + d), sum));
    }
  }
}

}  // namespace

const Attention kAttention{attend_page, merge_parts, finish_part};

}  // namespace linnet::kernels::avx512
