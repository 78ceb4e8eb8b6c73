// The scales of a page's int8 rows, gathered once for all queries. Static like all that files of instruction sets
// share.
#pragma once

#include "kernels/attention/attention.h"

namespace linnet::kernels {

// Three more, so that four may be read at any position; those behind the last are not used.
struct RowScales {
  float keys[kPagePositions + 3];
  float values[kPagePositions + 3];
};

// Of pages without scales.
static constexpr RowScales kNoScales{};

static inline void read_scales(const AttentionPage& page, RowScales& scales) {
  q8_scales(page.keys, page.key_stride, page.key_width, page.positions, scales.keys);
  q8_scales(page.values, page.value_stride, page.value_width, page.positions, scales.values);
  for (std::size_t j = page.positions; j < page.positions + 3; ++j) scales.keys[j] = 0;
}

// weights[j] *= the scale of value j
static inline void scale_weights(const RowScales& scales, std::size_t positions, float* weights) {
  for (std::size_t j = 0; j < positions; ++j) weights[j] *= scales.values[j];
}

}  // namespace linnet::kernels
