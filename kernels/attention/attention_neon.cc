#include "kernels/attention/attention.h"
#include "kernels/attention/row_scales.h"
#include "kernels/math/vector_neon.h"

namespace linnet::kernels::neon {
namespace {

constexpr std::size_t kTileHeads = 4;  // Query heads that share each load and conversion of a key or value.

std::size_t least(std::size_t a, std::size_t b) { return a < b ? a : b; }

// How rows of a format are read, 16 numbers at a time. A tail is of fewer; the lanes behind it are 0.
struct F16Rows {
  static constexpr bool kScaled = false;
  static Lanes load(const std::uint16_t* row, std::size_t i) {
    Lanes lanes;
    for (std::size_t q = 0; q < 4; ++q) lanes.quads[q] = load_f16(row + i + 4 * q);
    return lanes;
  }
  static Lanes load_tail(const std::uint16_t* row, std::size_t i, std::size_t count) {
    Lanes lanes;
    for (std::size_t q = 0; q < 4; ++q) lanes.quads[q] = load_f16_tail(row + i + 4 * q, rest(count, 4 * q));
    return lanes;
  }
};

struct Q8Rows {
  static constexpr bool kScaled = true;
  static Lanes widen(int8x16_t bytes) {
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
    const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))};
  }
  static Lanes load(const std::uint16_t* row, std::size_t i) { return widen(vld1q_s8(q8_values(row) + i)); }
  static Lanes load_tail(const std::uint16_t* row, std::size_t i, std::size_t count) {
    std::int8_t bytes[16] = {};
    __builtin_memcpy(bytes, q8_values(row) + i, count);
    return widen(vld1q_s8(bytes));
  }
};

// The last key_width % 16 products of a query and a key.
void add_tail(const float* query, const Lanes& key, std::size_t count, Lanes& lanes) {
  for (std::size_t q = 0; 4 * q < count; ++q) {
    const std::size_t left = count - 4 * q;
    lanes.quads[q] = multiply_add_first(left, load_tail(query + 4 * q, left), key.quads[q], lanes.quads[q]);
  }
}

// weights[h][j] = dot(query of head h, key j) * scale; maxima[h] = the largest of them
template <class Rows, std::size_t kHeads>
void scores(const AttentionPage& page, const RowScales& scales, const float* queries, std::size_t positions,
            float (*weights)[kPagePositions], float* maxima) {
  const std::size_t whole = page.key_width / 16 * 16;
  for (std::size_t j = 0; j < positions; ++j) {
    const std::uint16_t* const key = page.keys + j * page.key_stride;
    Lanes lanes[kHeads];
    for (Lanes& of_head : lanes) of_head = zero_lanes();
    for (std::size_t i = 0; i < whole; i += 16) {
      const Lanes k = Rows::load(key, i);
      for (std::size_t q = 0; q < 4; ++q) {
        for (std::size_t h = 0; h < kHeads; ++h) {
          float32x4_t& lane = lanes[h].quads[q];
          lane = vfmaq_f32(lane, vld1q_f32(queries + h * page.key_width + i + 4 * q), k.quads[q]);
        }
      }
    }
    const std::size_t tail = page.key_width - whole;
    const Lanes last = tail != 0 ? Rows::load_tail(key, whole, tail) : zero_lanes();
    for (std::size_t h = 0; h < kHeads; ++h) {
      add_tail(queries + h * page.key_width + whole, last, tail, lanes[h]);
      float score = total(lanes[h]) * page.scale;
      if constexpr (Rows::kScaled) score *= scales.keys[j];
      weights[h][j] = score;
      maxima[h] = j == 0 || score > maxima[h] ? score : maxima[h];
    }
  }
  for (std::size_t h = 0; h < kHeads; ++h) maxima[h] += 0.0F;  // -0 and +0 become the same bits.
}

// Scores become weights exp(s - maximum), in place; returns their 16-lane sum.
float exponentials(float* weights, std::size_t count, float maximum) {
  const float32x4_t maxima = vdupq_n_f32(maximum);
  Lanes lanes = zero_lanes();
  for (std::size_t j = 0; j < count; j += 4) {
    const std::size_t left = count - j;
    const float32x4_t p = exp(vsubq_f32(load_tail(weights + j, left), maxima));
    store_tail(weights + j, left, p);
    // Lanes past the end add +0 to sums that are never -0: they stay as they are.
    const uint32x4_t present = vandq_u32(vreinterpretq_u32_f32(p), first_lanes(left));
    float32x4_t& lane = lanes.quads[j / 4 % 4];
    lane = vaddq_f32(lane, vreinterpretq_f32_u32(present));
  }
  return total(lanes);
}

// out[h] = sum over positions of weights[h][j] * value j
template <class Rows, std::size_t kHeads>
void weighted_values(const AttentionPage& page, const float (*weights)[kPagePositions], std::size_t positions,
                     float* out) {
  for (std::size_t d = 0; d < page.value_width; d += 16) {
    const std::size_t width = least(page.value_width - d, 16);
    Lanes lanes[kHeads];
    for (Lanes& of_head : lanes) of_head = zero_lanes();
    for (std::size_t j = 0; j < positions; ++j) {
      const std::uint16_t* const value = page.values + j * page.value_stride;
      const Lanes v = width == 16 ? Rows::load(value, d) : Rows::load_tail(value, d, width);
      for (std::size_t q = 0; q < 4; ++q) {
        for (std::size_t h = 0; h < kHeads; ++h) {
          lanes[h].quads[q] = vfmaq_n_f32(lanes[h].quads[q], v.quads[q], weights[h][j]);
        }
      }
    }
    for (std::size_t h = 0; h < kHeads; ++h) {
      float* const to = out + h * page.value_width + d;
      for (std::size_t q = 0; 4 * q < width; ++q) store_tail(to + 4 * q, width - 4 * q, lanes[h].quads[q]);
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

void merge_parts(const AttentionShape& shape, const AttentionPart& into, const AttentionPart& next) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    const float mine = into.maximum[i];
    const float theirs = next.maximum[i];
    const float maximum = mine < theirs ? theirs : mine;
    const float32x4_t a = exp(vdupq_n_f32(mine - maximum));
    const float32x4_t b = exp(vdupq_n_f32(theirs - maximum));
    into.maximum[i] = maximum;
    const float32x4_t sum = vfmaq_f32(vmulq_f32(vdupq_n_f32(next.sum[i]), b), vdupq_n_f32(into.sum[i]), a);
    into.sum[i] = vgetq_lane_f32(sum, 0);
    const std::size_t first = i % shape.heads * shape.value_width;
    float* const out = into.out + i / shape.heads * into.out_stride + first;
    const float* const other = next.out + i / shape.heads * next.out_stride + first;
    for (std::size_t d = 0; d < shape.value_width; d += 4) {
      const std::size_t left = shape.value_width - d;
      const float32x4_t scaled = vmulq_f32(load_tail(other + d, left), b);
      store_tail(out + d, left, vfmaq_f32(scaled, load_tail(out + d, left), a));
    }
  }
}

void finish_part(const AttentionShape& shape, const AttentionPart& part) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    float* const out = part.out + i / shape.heads * part.out_stride + i % shape.heads * shape.value_width;
    const float32x4_t sum = vdupq_n_f32(part.sum[i]);
    for (std::size_t d = 0; d < shape.value_width; d += 4) {
      const std::size_t left = shape.value_width - d;
      store_tail(out + d, left, vdivq_f32(load_tail(out + d, left), sum));
    }
  }
}

}  // namespace

const Attention kAttention{attend_page, merge_parts, finish_part};

}  // namespace linnet::kernels::neon
