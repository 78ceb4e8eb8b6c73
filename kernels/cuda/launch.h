// What host and device agree on: every kernel's name, its one parameter and its grid.
//
// A kernel is `extern "C" __global__ void linnet_cuda_x(XParameters)`. The host finds it in the loaded module by name
// and launches it through the driver with the address of one XParameters. Pointers are device addresses. Numbers that
// change from step to step (tokens, positions, page tables) lie in device arrays, so that a captured graph is replayed
// with new contents and the same parameters.
//
// Weights are the panels of the packed file as they are (ARCHITECTURE, "Panels"): a lane's 16-byte load is 4 rows of
// one chunk, so a warp reads whole 32-byte sectors of consecutive panel blocks. A matrix starts on a multiple of 32
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels::cuda {

// Changes with any change of a parameter, a grid or a kernel's meaning. The module holds it in `kVersionSymbol`, an
// `unsigned` in global memory; a module of another version is refused.
inline constexpr std::uint32_t kVersion = 1;
inline constexpr const char* kVersionSymbol = "linnet_cuda_version";

// What a launch takes. Above 48 KiB, shared memory must be allowed to the kernel first
// (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES).
struct Launch {
  std::uint32_t x = 1;
  std::uint32_t y = 1;
  std::uint32_t z = 1;
  std::uint32_t threads = 1;
  std::uint32_t shared_bytes = 0;
};

[[nodiscard]] constexpr std::uint32_t pieces(std::uint32_t count, std::uint32_t size) {
  return (count + size - 1) / size;
}

// The rows of a step, in device arrays that are filled before each step.
struct StepRows {
  const std::int32_t* tokens;        // [rows]
  const std::uint32_t* positions;    // [rows]
  const std::uint32_t* sequences;    // [rows]
  const std::uint32_t* sees;         // [rows]: a row sees the positions before this one (position + 1; encoders: all).
  const std::uint32_t* page_tables;  // [sequences, pages_a_sequence]: ids of pages
  std::uint32_t pages_a_sequence;
};

// Rows quantised to int8 as kernels/quantize does it, without gaps. Where `values` is null, none are written.
struct Q8Rows {
  std::int8_t* values;  // [rows, columns]
  float* scales;        // [rows, columns / 32]
};

// Where a state keeps its pages (runtime/engine/kv_cache.h); all in f16 numbers.
struct KvPlace {
  std::uint16_t* numbers;    // The state's first page.
  std::uint64_t page;        // A page.
  std::uint32_t key_head;    // One head's keys in a page,
  std::uint32_t value_head;  // and its values.
  std::uint32_t values;      // Where the values start in a page.
  std::uint32_t ring;        // Pages a sequence, by turns; 0: pages of the pool, by the page table.
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

// At most kMatVecRows rows of int8 activations times panels.
struct MatVecParameters {
  Q8Rows in;
  std::uint32_t rows;
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

// Puts the rows' keys and values into their pages.
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

// --- The list ---

// Formats with panels: X(name in Format, name of kernels).
#define LINNET_CUDA_PANEL_FORMATS(X) \
  X(Q8_0, q8_0)                      \
  X(Q4_0, q4_0)                      \
  X(Q4_1, q4_1)                      \
  X(Q5_0, q5_0)                      \
  X(Q5_1, q5_1)                      \
  X(IQ4_NL, iq4_nl)                  \
  X(Q4_K, q4_k)                      \
  X(Q5_K, q5_k)                      \
  X(Q6_K, q6_k)                      \
  X(Q4_64, q4_64)                    \
  X(Q4_128, q4_128)

#define LINNET_CUDA_FLOAT_FORMATS(X) \
  X(F32, f32)                        \
  X(F16, f16)                        \
  X(BF16, bf16)

// X(enumerator, name behind "linnet_cuda_", parameter)
#define LINNET_CUDA_ROW_KERNELS(X)                          \
  X(Embed, embed, EmbedParameters)                          \
  X(RmsNorm, rms_norm, RmsNormParameters)                   \
  X(LayerNorm, layer_norm, LayerNormParameters)             \
  X(Add, add, AddParameters)                                \
  X(Gelu, gelu, GeluParameters)                             \
  X(SiluMultiply, silu_multiply, SiluMultiplyParameters)    \
  X(Quantize, quantize, QuantizeParameters)                 \
  X(SelectOutputs, select_outputs, SelectOutputsParameters) \
  X(Argmax, argmax, ArgmaxParameters)                       \
  X(FillRotation, fill_rotation, FillRotationParameters)    \
  X(Rotate, rotate, RotateParameters)                       \
  X(HalfRows, half_rows, HalfRowsParameters)                \
  X(KvStore, kv_store, KvStoreParameters)                   \
  X(AttendParts, attend_parts, AttendPartsParameters)       \
  X(AttendMerge, attend_merge, AttendMergeParameters)       \
  X(AttendTiles64, attend_tiles_64, AttendTilesParameters)  \
  X(AttendTiles128, attend_tiles_128, AttendTilesParameters)

enum class Kernel : std::uint32_t {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) k##enumerator,
  LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
// A matvec for 1, 2, 4 and 8 rows (kMatVec + 4 * format's place + place of the row count), then a gemm, a format.
#define LINNET_CUDA_ENTRY(format, name) \
  kMatVec1##format, kMatVec2##format, kMatVec4##format, kMatVec8##format, kGemm##format,
      LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY) LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
          kCount
};
inline constexpr std::size_t kKernelCount = static_cast<std::size_t>(Kernel::kCount);

// Entry names, in the enum's order.
inline constexpr const char* kKernelNames[kKernelCount] = {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) "linnet_cuda_" #name,
    LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name)                                                        \
  "linnet_cuda_matvec_1_" #name, "linnet_cuda_matvec_2_" #name, "linnet_cuda_matvec_4_" #name, \
      "linnet_cuda_matvec_8_" #name, "linnet_cuda_gemm_" #name,
        LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY) LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
};

// --- Grids ---

inline constexpr std::uint32_t kRowsAPanel = kPanelRows;
inline constexpr std::uint32_t kRowThreads = 256;
inline constexpr std::uint32_t kNormThreads = 1024;
inline constexpr std::uint32_t kSmallPart = 256;  // Up to here, RmsNorm gives a part to a warp.
inline constexpr std::uint32_t kArgmaxThreads = 1024;
inline constexpr std::uint32_t kMatVecRows = 8;          // Rows of activations of one matvec at most.
inline constexpr std::uint32_t kMatVecThreads = 512;     // At most; one block a panel.
inline constexpr std::uint32_t kManyPanels = 256;        // From here on half the threads do.
inline constexpr std::uint32_t kFloatMatVecOutputs = 8;  // One warp an output.
inline constexpr std::uint32_t kGemmRows = 128;          // Tile of activations,
inline constexpr std::uint32_t kGemmOutputs = 128;       // of outputs,
inline constexpr std::uint32_t kGemmDepth = 64;          // and columns that it takes at a time.
inline constexpr std::uint32_t kGemmThreads = 256;
inline constexpr std::uint32_t kGemmShared = 2 * (kGemmRows + kGemmOutputs) * kGemmDepth * 2;
inline constexpr std::uint32_t kPartPositions = 32;    // AttendParts takes them at a time,
inline constexpr std::uint32_t kAttendPositions = 64;  // and AttendTiles.
inline constexpr std::uint32_t kAttendThreads = 128;
inline constexpr std::uint32_t kAttendItems = 64;  // (row, head of a group) pairs of a tile.
inline constexpr std::uint32_t kLargestHead = 256;
inline constexpr std::uint32_t kAttendGroup = 8;  // Query heads of a KV head that AttendParts takes at a time.

// Kernels that work on blocks of 32 numbers of a row: a warp a block of numbers.
[[nodiscard]] constexpr Launch by_numbers(std::uint32_t rows, std::uint32_t width) {
  return {.x = pieces(width, kRowThreads), .y = rows, .threads = kRowThreads};
}

[[nodiscard]] constexpr Launch launch_of(const EmbedParameters& p) { return by_numbers(p.rows, p.columns); }
[[nodiscard]] constexpr Launch launch_of(const RmsNormParameters& p) {
  // Many short parts (heads) share a block: a warp each.
  if (p.part <= kSmallPart) return {.x = pieces(p.groups, kRowThreads / 32), .y = p.rows, .threads = kRowThreads};
  return {.x = p.groups, .y = p.rows, .threads = kNormThreads};
}
[[nodiscard]] constexpr Launch launch_of(const LayerNormParameters& p) {
  return {.x = 1, .y = p.rows, .threads = kNormThreads};
}
[[nodiscard]] constexpr Launch launch_of(const AddParameters& p) { return by_numbers(p.rows, p.width); }
[[nodiscard]] constexpr Launch launch_of(const GeluParameters& p) { return by_numbers(p.rows, p.width); }
[[nodiscard]] constexpr Launch launch_of(const SiluMultiplyParameters& p) { return by_numbers(p.rows, p.width); }
[[nodiscard]] constexpr Launch launch_of(const QuantizeParameters& p) { return by_numbers(p.rows, p.width); }
[[nodiscard]] constexpr Launch launch_of(const SelectOutputsParameters& p) { return by_numbers(p.outputs, p.width); }
[[nodiscard]] constexpr Launch launch_of(const ArgmaxParameters& p) { return {.x = p.rows, .threads = kArgmaxThreads}; }
[[nodiscard]] constexpr Launch launch_of(const FillRotationParameters& p) { return by_numbers(p.rows, p.pairs); }
[[nodiscard]] constexpr Launch launch_of(const RotateParameters& p) {
  const std::uint32_t heads = p.parts[0].heads + (p.part_count > 1 ? p.parts[1].heads : 0);
  return by_numbers(p.rows, heads * p.pairs);
}
[[nodiscard]] constexpr Launch launch_of(const HalfRowsParameters& p) { return {.x = p.rows, .threads = kNormThreads}; }
[[nodiscard]] constexpr Launch launch_of(const KvStoreParameters& p) {
  return by_numbers(p.rows, p.kv_heads * (p.key_width + (p.values != nullptr ? p.value_width : 0)));
}
[[nodiscard]] constexpr Launch launch_of(const AttendPartsParameters& p) {
  const std::uint32_t ranges = pieces(p.shape.heads / p.shape.kv_heads, kAttendGroup);
  return {.x = p.parts, .y = p.shape.kv_heads * ranges, .z = p.rows, .threads = kAttendThreads};
}
[[nodiscard]] constexpr Launch launch_of(const AttendMergeParameters& p) {
  return by_numbers(p.rows, p.heads * p.value_width);
}
[[nodiscard]] constexpr Launch launch_of(const AttendTilesParameters& p) {
  // Queries, keys and values, in f16.
  const std::uint32_t rows = kAttendItems + 2 * kAttendPositions;
  return {.x = p.tile_count,
          .y = p.shape.kv_heads,
          .threads = kAttendThreads,
          .shared_bytes = rows * p.shape.key_width * 2};
}

template <class Parameters>
[[nodiscard]] constexpr std::uint32_t tiles_of(const Parameters& p, std::uint32_t rows_a_tile) {
  std::uint32_t tiles = 0;
  for (std::uint32_t i = 0; i < p.projection_count; ++i) tiles += pieces(p.projections[i].rows, rows_a_tile);
  return tiles;
}
[[nodiscard]] constexpr Launch launch_of(const MatVecParameters& p) {
  // Few panels: more threads each, so that enough loads are under way.
  const std::uint32_t panels = tiles_of(p, kRowsAPanel);
  const bool few = panels < kManyPanels && p.columns >= 2048;
  return {.x = panels, .threads = few ? kMatVecThreads : kMatVecThreads / 2};
}
[[nodiscard]] constexpr Launch launch_of(const FloatMatVecParameters& p) {
  return {.x = tiles_of(p, kFloatMatVecOutputs), .threads = 32 * kFloatMatVecOutputs};
}
[[nodiscard]] constexpr Launch launch_of(const GemmParameters& p) {
  return {.x = pieces(p.rows, kGemmRows),
          .y = tiles_of(p, kGemmOutputs),
          .threads = kGemmThreads,
          .shared_bytes = kGemmShared};
}

// --- Which kernel ---

[[nodiscard]] constexpr std::size_t format_place(Format format) {
  switch (format) {
#define LINNET_CUDA_ENTRY(entry, name) \
  case Format::k##entry: return (static_cast<std::size_t>(Kernel::kMatVec1##entry));
    LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY) LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
  }
  return static_cast<std::size_t>(Kernel::kCount);
}

// Takes MatVecParameters where the format has panels, else FloatMatVecParameters; 1 <= rows <= kMatVecRows.
[[nodiscard]] constexpr Kernel matvec_kernel(Format format, std::uint32_t rows) {
  const std::size_t place = rows <= 1 ? 0 : rows <= 2 ? 1 : rows <= 4 ? 2 : 3;
  return static_cast<Kernel>(format_place(format) + place);
}
[[nodiscard]] constexpr Kernel gemm_kernel(Format format) { return static_cast<Kernel>(format_place(format) + 4); }

// Columns of HalfRows' output.
[[nodiscard]] constexpr std::uint32_t padded_columns(std::uint32_t columns) {
  return pieces(columns, kGemmDepth) * kGemmDepth;
}

// Whether AttendTiles computes heads of this shape; else AttendParts (parts = 1) and AttendMerge do, slower.
[[nodiscard]] constexpr bool attend_tiles_serve(const AttendShape& shape) {
  return shape.key_width == shape.value_width && (shape.key_width == 64 || shape.key_width == 128) &&
         shape.heads / shape.kv_heads <= kAttendItems;
}
[[nodiscard]] constexpr Kernel attend_tiles_kernel(const AttendShape& shape) {
  return shape.key_width == 64 ? Kernel::kAttendTiles64 : Kernel::kAttendTiles128;
}
[[nodiscard]] constexpr std::uint32_t attend_tile_rows(const AttendShape& shape) {
  return kAttendItems / (shape.heads / shape.kv_heads);
}

// Into how many parts AttendParts cuts a context for one row of decoding: enough blocks for the largest GPUs, and each
// part worth its start.
[[nodiscard]] constexpr std::uint32_t attend_part_count(std::uint32_t context, std::uint32_t kv_heads) {
  const std::uint32_t useful = pieces(context, kPartPositions);
  const std::uint32_t wanted = pieces(512, kv_heads);
  return useful < wanted ? useful : wanted;
}

}  // namespace linnet::kernels::cuda
