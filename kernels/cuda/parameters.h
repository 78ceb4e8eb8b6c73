// What each CUDA kernel is given: one structure a kernel, filled by the host, read on the device.
//
// Pointers are device addresses. Numbers that change from step to step (tokens, positions, page tables) lie in device
// arrays, so that a captured graph is replayed with new contents and the same parameters.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels::cuda {

// The rows of a step, in device arrays that are filled before each step.
struct StepRows {
  const std::int32_t* tokens;        // [rows]
  const std::uint32_t* positions;    // [rows]
  const std::uint32_t* sequences;    // [rows]
  const std::uint32_t* sees;         // [rows]: a row sees the positions before this one (position + 1; encoders: all).
  const std::uint32_t* page_tables;  // [sequences, pages_a_sequence]: ids of pages
  std::uint32_t pages_a_sequence;
};

// Rows quantised to int8 as kernels/quantize does it, without gaps; a row's terms are rows of their own, one behind the
// other. Where `values` is null, none are written.
struct Q8Rows {
  std::int8_t* values;      // [rows, terms, columns]
  float* scales;            // [rows, terms, columns / 32]
  std::uint32_t terms = 1;  // 1 or 2.
};

// Where a state keeps its pages (runtime/engine/kv_cache.h); all counted in numbers of 16 bits.
struct KvPlace {
  std::uint16_t* numbers;   // The state's first page.
  std::uint64_t page;       // A page.
  std::uint32_t key_row;    // One head's keys of one position (kernels/attention/cache_row.h),
  std::uint32_t value_row;  // and its values.
  std::uint32_t values;     // Where the values start in a page; 0: they are in the keys.
  std::uint32_t ring;       // Pages a sequence, by turns; 0: pages of the pool, by the page table.
  std::uint32_t is_q8;      // 1: rows are int8 with a scale, 0: f16.
};

// --- Row by row ---

enum class Lookup : std::uint32_t { kToken, kPosition, kFirst };

// out = row `looked up` of the table * scale. Panels of any format, or row-major F32, F16, BF16.
struct EmbedParameters {
  StepRows step;
  const std::byte* table;
  float* out;
  std::uint32_t out_stride;
  std::uint32_t rows;
  std::uint32_t columns;
  Format format;
  Lookup by;
  float scale;
};

// out = weight * in / rms(in), for each of `groups` equal parts of a row, of which the first `width` numbers take part.
struct RmsNormParameters {
  const float* in;
  const float* weight;  // [width]
  float* out;           // May be `in`.
  Q8Rows quantised;     // Of the whole `out` row: groups * part numbers, of which all take part.
  std::uint32_t in_stride;
  std::uint32_t out_stride;
  std::uint32_t rows;
  std::uint32_t groups;
  std::uint32_t part;   // Numbers a group; a multiple of 32 where `quantised` is wanted.
  std::uint32_t width;  // At most `part`.
  float epsilon;
};

struct LayerNormParameters {
  const float* in;
  const float* weight;  // [width]
  const float* bias;    // [width]
  float* out;           // May be `in`.
  Q8Rows quantised;
  std::uint32_t in_stride;
  std::uint32_t out_stride;
  std::uint32_t rows;
  std::uint32_t width;
  float epsilon;
};

// in_out += other
struct AddParameters {
  const float* other;
  float* in_out;
  std::uint32_t other_stride;
  std::uint32_t in_out_stride;
  std::uint32_t rows;
  std::uint32_t width;
};

// in_out = gelu(in_out)
struct GeluParameters {
  float* in_out;
  Q8Rows quantised;
  std::uint32_t stride;
  std::uint32_t rows;
  std::uint32_t width;
};

// out = silu(gate) * up
struct SiluMultiplyParameters {
  const float* gate;
  const float* up;
  float* out;
  Q8Rows quantised;
  std::uint32_t gate_stride;
  std::uint32_t up_stride;
  std::uint32_t out_stride;
  std::uint32_t rows;
  std::uint32_t width;
};

struct QuantizeParameters {
  const float* in;
  Q8Rows out;
  std::uint32_t in_stride;
  std::uint32_t rows;
  std::uint32_t width;  // A multiple of 32.
};

// out row i = in row `output_rows[i]`
struct SelectOutputsParameters {
  const float* in;
  const std::uint32_t* output_rows;  // [outputs]
  float* out;
  std::uint32_t in_stride;
  std::uint32_t out_stride;
  std::uint32_t outputs;
  std::uint32_t width;
};

// ids[row] = where the row is largest, of equal ones the first.
struct ArgmaxParameters {
  const float* in;
  std::int32_t* ids;
  std::uint32_t stride;
  std::uint32_t rows;
  std::uint32_t width;
};

// --- Rotary positions ---

// cosines, sines [rows, pairs] = those of position * frequency, times magnitude: once a step for each rotation.
struct FillRotationParameters {
  const std::uint32_t* positions;
  const double* frequencies;  // [pairs]
  float* cosines;
  float* sines;
  std::uint32_t rows;
  std::uint32_t pairs;
  float magnitude;
};

struct RotatedRows {
  float* rows;
  std::uint32_t stride;
  std::uint32_t heads;
  std::uint32_t head_width;
  std::uint32_t first;  // Numbers of a row before those that turn.
};

// Turns up to two buffers (queries and keys) by the same angles, in place.
struct RotateParameters {
  const float* cosines;
  const float* sines;
  RotatedRows parts[2];
  std::uint32_t part_count;
  std::uint32_t rows;
  std::uint32_t pairs;
  std::uint32_t interleaved;  // 1: pairs are (2 i, 2 i + 1), 0: (i, i + pairs).
};

// --- Products ---

// One product of an input: out = in * weight^T + bias, or out += that.
struct Projection {
  const std::byte* weight;  // Panels, or row-major floats.
  const float* bias;        // [rows], or null.
  float* out;
  std::uint32_t out_stride;
  std::uint32_t rows;  // Of the matrix; no number behind them is written.
  std::uint32_t accumulate;
};

inline constexpr std::uint32_t kProjections = 4;  // In one launch; all of one format.

// At most kMatVecRows rows of int8 activations, all terms counted, times panels; each row's terms are added.
struct MatVecParameters {
  Q8Rows in;
  std::uint32_t rows;  // rows * terms <= kMatVecRows.
  std::uint32_t columns;
  std::uint32_t projection_count;
  Projection projections[kProjections];
};

// At most kMatVecRows rows of floats times row-major floats.
struct FloatMatVecParameters {
  const float* in;
  std::uint32_t in_stride;
  std::uint32_t rows;
  std::uint32_t columns;
  std::uint32_t projection_count;
  Projection projections[kProjections];
};

// Many rows of int8 activations times panels, on tensor cores; each row's terms are added. Numbers are counted in 32
// bits: rows * terms * columns < 2^32.
struct PanelGemmParameters {
  Q8Rows in;
  std::uint32_t rows;
  std::uint32_t columns;
  std::uint32_t projection_count;
  Projection projections[kProjections];
};

// Rows for Gemm: f16 numbers and a power of two a row, so that the largest is below 2^14. Within each four numbers the
// order is 0, 2, 1, 3; columns are padded with zeros to a multiple of kGemmDepth.
struct HalfRowsParameters {
  const float* in;
  std::uint16_t* out;  // [rows, padded columns]
  float* scales;       // [rows]: a number is out * scale.
  std::uint32_t in_stride;
  std::uint32_t rows;
  std::uint32_t columns;
  std::uint32_t quantised;  // 1: each block of 32 is rounded as kernels/quantize does, as products with panels need.
};

// Any number of rows, on tensor cores with f16 operands and f32 sums.
struct GemmParameters {
  const std::uint16_t* in;  // From HalfRows.
  const float* in_scales;
  std::uint32_t rows;
  std::uint32_t columns;  // Of the matrix: a multiple of 32 (panels) or of 8 (floats).
  std::uint32_t projection_count;
  Projection projections[kProjections];
};

// --- Attention ---

// Puts the rows' keys and values into their pages (kv_store_kernel).
struct KvStoreParameters {
  StepRows step;
  KvPlace place;
  const float* keys;
  const float* values;  // Null where values are in the keys.
  std::uint32_t key_stride;
  std::uint32_t value_stride;
  std::uint32_t rows;
  std::uint32_t kv_heads;
  std::uint32_t key_width;
  std::uint32_t value_width;
};

// What both forms of attention read.
struct AttendShape {
  const float* queries;
  std::uint32_t query_stride;
  std::uint32_t heads;
  std::uint32_t kv_heads;
  std::uint32_t key_width;    // At most kLargestHead; a multiple of 4.
  std::uint32_t value_width;  // At most kLargestHead.
  float scale;
  std::uint32_t window;  // Positions that a row sees at most; 0: all.
};

// The positions that each row sees, in `parts` runs of whole multiples of kPartPositions: for each run and head the
// softmax's maximum, denominator and weighted sum. Then AttendMerge. Any rows; made for one row a sequence.
struct AttendPartsParameters {
  StepRows step;
  KvPlace place;
  AttendShape shape;
  float* maxima;  // [rows, heads, parts]
  float* sums;    // [rows, heads, parts]
  float* out;     // [rows, heads, parts, value_width]
  std::uint32_t rows;
  std::uint32_t parts;
};

struct AttendMergeParameters {
  StepRows step;
  const float* maxima;
  const float* sums;
  const float* part_out;
  float* out;        // [rows, heads * value_width]
  Q8Rows quantised;  // Of `out`; where wanted, heads * value_width is a multiple of 32.
  std::uint32_t out_stride;
  std::uint32_t rows;
  std::uint32_t parts;
  std::uint32_t heads;
  std::uint32_t value_width;
  std::uint32_t window;
};

// Consecutive rows of one sequence, at consecutive positions: at most attend_tile_rows() of them.
struct AttendTile {
  std::uint32_t first_row;
  std::uint32_t rows;
};

// Attention of whole tiles of rows on tensor cores, for heads of 64 or 128 numbers (attend_tiles_serve).
struct AttendTilesParameters {
  StepRows step;
  KvPlace place;
  AttendShape shape;
  const AttendTile* tiles;  // [tile_count]
  float* out;
  std::uint32_t out_stride;
  std::uint32_t tile_count;
};

}  // namespace linnet::kernels::cuda
