#include <algorithm>
#include <limits>

#include "kernels/attention/attention.h"
#include "kernels/formats/half.h"
#include "kernels/math/lanes.h"
#include "kernels/math/math.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

// Number `i` of a row, without its scale.
float number(CacheFormat format, const std::uint16_t* row, std::size_t i) {
  return format == CacheFormat::kF16 ? f16_to_f32(row[i]) : static_cast<float>(q8_values(row)[i]);
}

float score(const AttentionPage& page, const float* query, std::size_t position) {
  LaneSum sum;
  const std::uint16_t* const key = page.keys + position * page.key_stride;
  for (std::size_t i = 0; i < page.key_width; ++i) sum.multiply_add(i, query[i], number(page.format, key, i));
  const float product = sum.total() * page.scale;
  return page.format == CacheFormat::kF16 ? product : product * q8_scale(key, page.key_width);
}

// One query against the page's first `positions` positions.
void attend(const AttentionPage& page, const float* query, std::size_t positions, float& maximum, float& sum,
            float* out) {
  float weights[kPagePositions];
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < positions; ++j) {
    weights[j] = score(page, query, j);
    largest = std::max(largest, weights[j]);
  }
  maximum = largest + 0.0F;  // A maximum of -0 and one of +0 become the same bits.
  LaneSum denominator;
  std::fill_n(out, page.value_width, 0.0F);
  for (std::size_t j = 0; j < positions; ++j) {
    float weight = math::exp(weights[j] - maximum);
    denominator.add(j, weight);
    const std::uint16_t* const value = page.values + j * page.value_stride;
    if (page.format == CacheFormat::kQ8) weight *= q8_scale(value, page.value_width);
    for (std::size_t d = 0; d < page.value_width; ++d) {
      out[d] = std::fma(weight, number(page.format, value, d), out[d]);
    }
  }
  sum = denominator.total();
}

void attend_page(const AttentionPage& page, const AttentionPart& part) {
  for (std::size_t r = 0; r < page.rows; ++r) {
    const std::size_t positions = std::min(page.positions, page.first_row_sees + r);
    for (std::size_t h = 0; h < page.heads; ++h) {
      attend(page, page.queries + r * page.query_stride + h * page.key_width, positions,
             part.maximum[r * page.heads + h], part.sum[r * page.heads + h],
             part.out + r * part.out_stride + h * page.value_width);
    }
  }
}

void merge_parts(const AttentionShape& shape, const AttentionPart& into, const AttentionPart& next) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    const float maximum = std::max(into.maximum[i], next.maximum[i]);
    const float a = math::exp(into.maximum[i] - maximum);
    const float b = math::exp(next.maximum[i] - maximum);
    into.maximum[i] = maximum;
    into.sum[i] = std::fma(into.sum[i], a, next.sum[i] * b);
    const std::size_t r = i / shape.heads;
    const std::size_t first = i % shape.heads * shape.value_width;
    float* const out = into.out + r * into.out_stride + first;
    const float* const other = next.out + r * next.out_stride + first;
    for (std::size_t d = 0; d < shape.value_width; ++d) out[d] = std::fma(out[d], a, other[d] * b);
  }
}

void finish_part(const AttentionShape& shape, const AttentionPart& part) {
  for (std::size_t i = 0; i < shape.rows * shape.heads; ++i) {
    float* const out = part.out + i / shape.heads * part.out_stride + i % shape.heads * shape.value_width;
    for (std::size_t d = 0; d < shape.value_width; ++d) out[d] /= part.sum[i];
  }
}

}  // namespace

const Attention kAttention{attend_page, merge_parts, finish_part};

}  // namespace linnet::kernels::LINNET_SCALAR
