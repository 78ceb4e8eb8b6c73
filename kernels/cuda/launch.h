// What host and device agree on: every kernel's name, its one parameter and its grid.
//
// A kernel is `extern "C" __global__ void linnet_cuda_x(XParameters)`. The host finds it in the loaded module by name
// and launches it through the driver with the address of one XParameters (parameters.h).
//
// Weights are the panels of the packed file as they are (ARCHITECTURE, "Panels"): a lane's 16-byte load is 4 rows of
// one chunk, so a warp reads whole 32-byte sectors of consecutive panel blocks. A matrix starts on a multiple of 32
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/parameters.h"
#include "kernels/formats/format.h"

namespace linnet::kernels::cuda {

// Changes with any change of a parameter, a grid or a kernel's meaning. The module holds it in `kVersionSymbol`, an
// `unsigned` in global memory; a module of another version is refused.
inline constexpr std::uint32_t kVersion = 3;
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
  X(Q4_128, q4_128)                  \
  X(Q8_128, q8_128)

#define LINNET_CUDA_FLOAT_FORMATS(X) \
  X(F32, f32)                        \
  X(F16, f16)                        \
  X(BF16, bf16)

// X(enumerator, name behind "linnet_cuda_", parameter)
#define LINNET_CUDA_ROW_KERNELS(X)                              \
  X(Embed, embed, EmbedParameters)                              \
  X(RmsNorm, rms_norm, RmsNormParameters)                       \
  X(LayerNorm, layer_norm, LayerNormParameters)                 \
  X(Add, add, AddParameters)                                    \
  X(Gelu, gelu, GeluParameters)                                 \
  X(SiluMultiply, silu_multiply, SiluMultiplyParameters)        \
  X(Quantize, quantize, QuantizeParameters)                     \
  X(SelectOutputs, select_outputs, SelectOutputsParameters)     \
  X(Argmax, argmax, ArgmaxParameters)                           \
  X(FillRotation, fill_rotation, FillRotationParameters)        \
  X(Rotate, rotate, RotateParameters)                           \
  X(HalfRows, half_rows, HalfRowsParameters)                    \
  X(KvStore, kv_store, KvStoreParameters)                       \
  X(KvStoreQ8, kv_store_q8, KvStoreParameters)                  \
  X(AttendParts, attend_parts, AttendPartsParameters)           \
  X(AttendPartsQ8, attend_parts_q8, AttendPartsParameters)      \
  X(AttendMerge, attend_merge, AttendMergeParameters)           \
  X(AttendTiles64, attend_tiles_64, AttendTilesParameters)      \
  X(AttendTiles64Q8, attend_tiles_64_q8, AttendTilesParameters) \
  X(AttendTiles128, attend_tiles_128, AttendTilesParameters)    \
  X(AttendTiles128Q8, attend_tiles_128_q8, AttendTilesParameters)

enum class Kernel : std::uint32_t {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) k##enumerator,
  LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
// A matvec for 1, 2, 4 and 8 rows (kMatVec + 4 * format's place + place of the row count), then a gemm, a format.
#define LINNET_CUDA_ENTRY(format, name) \
  kMatVec1##format, kMatVec2##format, kMatVec4##format, kMatVec8##format, kGemm##format,
      LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY) LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
// A gemm in int8, a format with panels.
#define LINNET_CUDA_ENTRY(format, name) kGemmInt8##format,
          LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
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
#define LINNET_CUDA_ENTRY(format, name) "linnet_cuda_gemm_int8_" #name,
            LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
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
// Bytes, and three floats for each block of 32 of a row (gemm_codes.h).
inline constexpr std::uint32_t kGemmInt8Shared = kGemmShared / 2 + 2 * 3 * kGemmRows * (kGemmDepth / 32) * 4;
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
  if (p.place.is_q8 != 0) {  // A warp a head's keys or values.
    const std::uint32_t heads = p.kv_heads * (p.values != nullptr ? 2 : 1);
    return {.x = pieces(heads, kRowThreads / 32), .y = p.rows, .threads = kRowThreads};
  }
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
  // Queries twice, keys and values, in f16.
  const std::uint32_t rows = 2 * kAttendItems + 2 * kAttendPositions;
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
[[nodiscard]] constexpr Launch launch_of(const PanelGemmParameters& p) {
  return {.x = pieces(p.rows, kGemmRows),
          .y = tiles_of(p, kGemmOutputs),
          .threads = kGemmThreads,
          .shared_bytes = kGemmInt8Shared};
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

// Of a format with panels.
[[nodiscard]] constexpr Kernel gemm_int8_kernel(Format format) {
  switch (format) {
#define LINNET_CUDA_ENTRY(entry, name) \
  case Format::k##entry: return Kernel::kGemmInt8##entry;
    LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
    default: return Kernel::kCount;
  }
}

// Columns of HalfRows' output.
[[nodiscard]] constexpr std::uint32_t padded_columns(std::uint32_t columns) {
  return pieces(columns, kGemmDepth) * kGemmDepth;
}

// Whether AttendTiles computes heads of this shape; else AttendParts (parts = 1) and AttendMerge do, slower.
[[nodiscard]] constexpr bool attend_tiles_serve(const AttendShape& shape) {
  return shape.key_width == shape.value_width && (shape.key_width == 64 || shape.key_width == 128) &&
         shape.heads / shape.kv_heads <= kAttendItems;
}
// Those of a cache's format.
[[nodiscard]] constexpr Kernel kv_store_kernel(const KvPlace& place) {
  return place.is_q8 != 0 ? Kernel::kKvStoreQ8 : Kernel::kKvStore;
}
[[nodiscard]] constexpr Kernel attend_parts_kernel(const KvPlace& place) {
  return place.is_q8 != 0 ? Kernel::kAttendPartsQ8 : Kernel::kAttendParts;
}
[[nodiscard]] constexpr Kernel attend_tiles_kernel(const KvPlace& place, const AttendShape& shape) {
  if (shape.key_width == 64) return place.is_q8 != 0 ? Kernel::kAttendTiles64Q8 : Kernel::kAttendTiles64;
  return place.is_q8 != 0 ? Kernel::kAttendTiles128Q8 : Kernel::kAttendTiles128;
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
