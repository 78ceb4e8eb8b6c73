// Softmax attention over the pages of a KV cache, for all query heads that share a KV head.
//
// A page gives a part: the softmax's maximum, its denominator and the weighted sum of values, each relative to that
// maximum (Milakov and Gimelshein 2018). Parts of a sequence's pages are merged in ascending order, then finished; so a
// long context may be split over threads page by page, and gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/attention/cache_row.h"
#include "kernels/variant.h"

namespace linnet::kernels {

inline constexpr std::size_t kPagePositions = 256;  // At most; every page of a sequence but its last is full.

// Query heads of one KV head at `rows` consecutive positions of one sequence, and one page of its keys and values.
struct AttentionPage {
  const float* queries;         // [rows, heads, key_width]; heads contiguous
  std::size_t query_stride;     // numbers from row to row
  const std::uint16_t* keys;    // a row of key_width numbers a position, as `format` says
  std::size_t key_stride;       // 16-bit numbers from position to position
  const std::uint16_t* values;  // a row of value_width numbers a position
  std::size_t value_stride;
  std::size_t positions;       // 1 … 256 in this page.
  std::size_t first_row_sees;  // >= 1: row r sees the page's first min(positions, first_row_sees + r) positions.
  std::size_t rows;
  std::size_t heads;
  std::size_t key_width;
  std::size_t value_width;
  float scale;  // Of the products, before the softmax.
  CacheFormat format = CacheFormat::kF16;
};

// One page's result, or several pages' merged.
struct AttentionPart {
  float* maximum;          // [rows, heads]
  float* sum;              // [rows, heads]
  float* out;              // [rows, heads, value_width]; heads contiguous
  std::size_t out_stride;  // numbers from row to row
};

// The shape of a part.
struct AttentionShape {
  std::size_t rows;
  std::size_t heads;
  std::size_t value_width;
};

struct Attention {
  // part = this page's, overwritten:
  //   s = dot(q, k) * scale;  maximum = max s;  p = exp(s - maximum);  sum = the 16-lane sum of p;
  //   out = 0, then for each position, ascending, out = fma(p, v, out)
  // The dot product runs over 16 virtual lanes of fma. Of kQ8, k and v are the rows' int8 as floats, and with their
  // scales s = dot(q, k) * scale * key scale, out = fma(p * value scale, v, out); sum is of p itself.
  void (*page)(const AttentionPage& page, const AttentionPart& part);

  // into = into and the next page:
  //   m = max(maxima);  a = exp(into.maximum - m);  b = exp(next.maximum - m);
  //   sum = fma(sum, a, next.sum * b);  out = fma(out, a, next.out * b)
  void (*merge)(const AttentionShape& shape, const AttentionPart& into, const AttentionPart& next);

  // out = out / sum
  void (*finish)(const AttentionShape& shape, const AttentionPart& part);
};

// Family name: "attention".
[[nodiscard]] Variants<const Attention*> attention_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Attention kAttention;
}
namespace avx2 {
extern const Attention kAttention;
}
namespace avx512 {
extern const Attention kAttention;
}
namespace neon {
extern const Attention kAttention;
}

}  // namespace linnet::kernels
