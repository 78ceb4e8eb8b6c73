// The weight formats: sizes of their blocks, as GGUF stores them and as panels hold them, and conversion between these.
//
// A format is one file (`q4_0.cc`: its blocks, and a `BlockCode`) and one row in `format.cc`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace linnet::kernels {

// Weight formats that kernels read. The order is part of no file.
enum class Format : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kIQ4_NL,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ4_64,
  kQ4_128,
  kQ8_128,
};

inline constexpr std::size_t kPanelRows = 16;         // Rows side by side in a panel: one a lane of a 512-bit register.
inline constexpr std::size_t kPanelAlignment = 4096;  // Where a packed tensor starts in its file.

// One row of the table of formats.
struct FormatInfo {
  Format format;
  std::string_view name;          // As GGUF tools print it: "Q4_0".
  std::size_t block_weights;      // Weights of a row that share a scale (1 for float formats).
  std::size_t block_bytes;        // Bytes of such a block in GGUF's order.
  std::size_t panel_block_bytes;  // Bytes of 16 rows x block_weights in a panel; 0: the format stays row-major.
  std::size_t joined = 1;         // Blocks of 32 activations that have one scale where they meet it.
};

[[nodiscard]] const FormatInfo& info(Format format);

// Every format, in the enum's order.
[[nodiscard]] std::span<const Format> all_formats();

// Bytes of one row-major row of `columns` weights (a multiple of block_weights).
[[nodiscard]] std::size_t row_bytes(Format format, std::size_t columns);

// Bytes of [rows, columns] in panels; rows are padded to a multiple of 16.
[[nodiscard]] std::size_t panel_bytes(Format format, std::size_t rows, std::size_t columns);

// row-major blocks [rows, columns / block_weights] -> panels. `panels` has panel_bytes(); padding rows become zero
// bytes. A packer may call it for any 16 rows at a time: panels follow one another.
void pack_panels(Format format, const std::byte* rows_in_order, std::size_t rows, std::size_t columns,
                 std::byte* panels);

// The inverse: the same bytes that pack_panels was given.
void unpack_panels(Format format, const std::byte* panels, std::size_t rows, std::size_t columns,
                   std::byte* rows_in_order);

// De-quantises one row of `columns` weights to float: `w = scale * q (+ min)`, each product and sum rounded once.
void dequantize_row(Format format, const std::byte* row, std::size_t columns, float* out);

// De-quantises row `row` out of panels.
void dequantize_panel_row(Format format, const std::byte* panels, std::size_t row, std::size_t columns, float* out);

// Rounds a row to nearest in the format, with the scales of GGUF's reference quantisers: Q8_0 `amax / 127`, Q4_0 the
// value of largest magnitude `/ -8`, Q4_1 `(max - min) / 15`. The error-minimising search is models/quantize's.
void quantize_row(Format format, const float* in, std::size_t columns, std::byte* row);

}  // namespace linnet::kernels
