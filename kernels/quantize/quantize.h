// Quantises activations to int8: once for all products that read them.
//
// What says where numbers lie is inlined always: files of instruction sets use it, and none may export a copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/variant.h"

namespace linnet::kernels {

inline constexpr std::size_t kActivationBlock = 32;  // Activations that have a scale and a sum.
inline constexpr std::size_t kMostJoinedBlocks = 4;  // Blocks that may have one scale together.

inline constexpr std::size_t kActivationRows = 8;   // Rows of a tile.
inline constexpr std::size_t kActivationChunk = 8;  // Values of a row that lie side by side wherever it has a partner.

// Where a row's blocks lie: block b's scale and sum are number `first + b * stride`, its value i is number `value(b,
// i)`.
struct Q8Place {
  std::size_t first;
  std::size_t stride;
  std::size_t first_value;
  std::size_t step;  // From a chunk of values to the next.

  [[nodiscard, gnu::always_inline]] constexpr std::size_t value(std::size_t block, std::size_t i) const {
    return first_value + block * stride * kActivationBlock + i / kActivationChunk * step + i % kActivationChunk;
  }
};

// Rows lie in tiles of kActivationRows, as a product reads them: a tile holds its rows' first blocks, then their second
// ones, and so on, in one stream. In it two rows are a pair, whose values take turns eight by eight: SMMLA multiplies
// two rows at once, and no other instruction minds. The last tile has the rows that are left over, a last one without a
// partner in its own order; so a single row lies as it is.
[[gnu::always_inline]] constexpr Q8Place q8_place(std::size_t row, std::size_t rows, std::size_t blocks) {
  const std::size_t within = row % kActivationRows;
  const std::size_t left = rows - (row - within);
  const std::size_t first = (row - within) * blocks + within;
  const bool paired = within % 2 == 1 || left > within + 1;
  const std::size_t even = (first - within % 2) * kActivationBlock;
  return {first, left < kActivationRows ? left : kActivationRows, even + within % 2 * kActivationChunk,
          paired ? 2 * kActivationChunk : kActivationChunk};
}

// Where value `i` of a block of row `row` lies behind the block's first value, among `rows` rows of a tile of which the
// first has an even number and, where their number is odd, the last has no partner.
[[gnu::always_inline]] constexpr std::size_t q8_offset(std::size_t row, std::size_t rows, std::size_t i) {
  if (row == rows - 1 && rows % 2 == 1) return row * kActivationBlock + i;
  return row / 2 * 2 * kActivationBlock + i / kActivationChunk * 2 * kActivationChunk + row % 2 * kActivationChunk +
         i % kActivationChunk;
}

// Borrowed int8 activations, which lie as q8_place says; a value stands for about itself times its block's scale.
struct Q8Activations {
  const std::int8_t* values;  // [rows * columns], in -127 … 127.
  const float* scales;        // [rows * columns / 32], those of joined blocks the same.
  const std::int32_t* sums;   // [rows * columns / 32]: each block's sum of values.
  std::size_t rows;
  std::size_t columns;  // A multiple of 32.
  // Whether a product's first rows ask the memory for weights ahead of their use: a third faster where a core by itself
  // leaves memory waiting (Intel's servers), slower where it does not (Zen 4). The same bits.
  bool ahead = false;

  [[nodiscard, gnu::always_inline]] constexpr std::size_t blocks() const { return columns / kActivationBlock; }
  [[nodiscard, gnu::always_inline]] constexpr Q8Place place(std::size_t row) const {
    return q8_place(row, rows, blocks());
  }
};

// Where to write a row: block b's scale and sum to number `b * stride`, its values to `values + 32 b * stride`, where
// each eight of them begin `step` after those before.
struct Q8Row {
  std::int8_t* values;
  float* scales;
  std::int32_t* sums;
  std::size_t stride = 1;
  std::size_t step = kActivationChunk;
};

// The place of one row among all, whose numbers start at the pointers of `all`.
constexpr Q8Row q8_row(const Q8Row& all, const Q8Place& place) {
  return {all.values + place.first_value, all.scales + place.first, all.sums + place.first, place.stride, place.step};
}

inline constexpr std::size_t kMostTerms = 2;

// One row, or with the least stride and step several at once: joined blocks do not depend on others.
//
// In each `joined` blocks of 32: `scale = amax / 127`, `value = round_to_even(x * (127 / amax))`. Where amax is below
// 2^-120 (127 / amax would overflow), scale and values are 0. Each further term is the same of what the one before it
// leaves, `x - scale * value` (one fma): their sum stands for x, two of them about as well as an int16 would.
//
//   in      [columns]  columns a multiple of 32 * joined
//   joined             1, 2 or 4: as the formats of weights want it (kernels/formats/format.h)
//   terms   [count]    count 1 to kMostTerms; overwritten where their blocks lie
using Quantize = void (*)(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms,
                          std::size_t count);

// Family name: "quantize".
[[nodiscard]] Variants<Quantize> quantize_variants();

inline constexpr float kLeastMagnitude = 0x1p-120F;  // Smaller blocks are zero.

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count);
}
namespace avx2 {
void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count);
}
namespace neon {
void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count);
}

}  // namespace linnet::kernels
