#include "kernels/formats/format.h"

#include <array>
#include <cassert>
#include <cstring>

#include "kernels/formats/block_code.h"
#include "kernels/formats/iq4_nl.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q4_1.h"
#include "kernels/formats/q4_group.h"
#include "kernels/formats/q4_k.h"
#include "kernels/formats/q5_0.h"
#include "kernels/formats/q5_1.h"
#include "kernels/formats/q5_k.h"
#include "kernels/formats/q6_k.h"
#include "kernels/formats/q8_0.h"

namespace linnet::kernels {
namespace {

struct Row {
  FormatInfo info;
  const BlockCode* code;
};

constexpr Row kTable[] = {
    {{Format::kF32, "F32", 1, 4, 0}, &kF32Code},
    {{Format::kF16, "F16", 1, 2, 0}, &kF16Code},
    {{Format::kBF16, "BF16", 1, 2, 0}, &kBF16Code},
    {{Format::kQ8_0, "Q8_0", 32, sizeof(Q8_0Block), sizeof(Q8_0PanelBlock)}, &kQ8_0Code},
    {{Format::kQ4_0, "Q4_0", 32, sizeof(Q4_0Block), sizeof(Q4_0PanelBlock)}, &kQ4_0Code},
    {{Format::kQ4_1, "Q4_1", 32, sizeof(Q4_1Block), sizeof(Q4_1PanelBlock)}, &kQ4_1Code},
    {{Format::kQ5_0, "Q5_0", 32, sizeof(Q5_0Block), sizeof(Q5_0PanelBlock)}, &kQ5_0Code},
    {{Format::kQ5_1, "Q5_1", 32, sizeof(Q5_1Block), sizeof(Q5_1PanelBlock)}, &kQ5_1Code},
    {{Format::kIQ4_NL, "IQ4_NL", 32, sizeof(IQ4_NLBlock), sizeof(IQ4_NLPanelBlock)}, &kIQ4_NLCode},
    {{Format::kQ4_K, "Q4_K", 256, sizeof(Q4_KBlock), sizeof(Q4_KPanelBlock)}, &kQ4_KCode},
    {{Format::kQ5_K, "Q5_K", 256, sizeof(Q5_KBlock), sizeof(Q5_KPanelBlock)}, &kQ5_KCode},
    {{Format::kQ6_K, "Q6_K", 256, sizeof(Q6_KBlock), sizeof(Q6_KPanelBlock)}, &kQ6_KCode},
    {{Format::kQ4_64, "Q4_64", 64, sizeof(Q4_64Block), sizeof(Q4_64PanelBlock), 2}, &kQ4_64Code},
    {{Format::kQ4_128, "Q4_128", 128, sizeof(Q4_128Block), sizeof(Q4_128PanelBlock), 4}, &kQ4_128Code},
    {{Format::kQ8_128, "Q8_128", 128, sizeof(Q8_128Block), sizeof(Q8_128PanelBlock), 4}, &kQ8_128Code},
};

constexpr auto kFormats = [] {
  std::array<Format, std::size(kTable)> formats{};
  for (std::size_t i = 0; i < formats.size(); ++i) formats[i] = kTable[i].info.format;
  return formats;
}();

constexpr bool rows_are_in_enum_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (static_cast<std::size_t>(kTable[i].info.format) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_enum_order());

const Row& row_of(Format format) { return kTable[static_cast<std::size_t>(format)]; }

constexpr std::size_t kMaximalBlockBytes = 256;  // Of any format, in GGUF's order.

}  // namespace

const FormatInfo& info(Format format) { return row_of(format).info; }

std::span<const Format> all_formats() { return kFormats; }

std::size_t row_bytes(Format format, std::size_t columns) {
  const FormatInfo& of = info(format);
  assert(columns % of.block_weights == 0);
  return columns / of.block_weights * of.block_bytes;
}

std::size_t panel_bytes(Format format, std::size_t rows, std::size_t columns) {
  const FormatInfo& of = info(format);
  return (rows + kPanelRows - 1) / kPanelRows * (columns / of.block_weights) * of.panel_block_bytes;
}

void pack_panels(Format format, const std::byte* rows_in_order, std::size_t rows, std::size_t columns,
                 std::byte* panels) {
  const auto& [of, code] = row_of(format);
  assert(code->pack != nullptr);
  const std::size_t blocks = columns / of.block_weights;
  for (std::size_t first = 0; first < rows; first += kPanelRows) {
    const std::size_t present = rows - first < kPanelRows ? rows - first : kPanelRows;
    for (std::size_t b = 0; b < blocks; ++b, panels += of.panel_block_bytes) {
      if (present < kPanelRows) std::memset(panels, 0, of.panel_block_bytes);
      for (std::size_t r = 0; r < present; ++r) {
        code->pack(rows_in_order + ((first + r) * blocks + b) * of.block_bytes, r, panels);
      }
    }
  }
}

void unpack_panels(Format format, const std::byte* panels, std::size_t rows, std::size_t columns,
                   std::byte* rows_in_order) {
  const auto& [of, code] = row_of(format);
  assert(code->unpack != nullptr);
  const std::size_t blocks = columns / of.block_weights;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::byte* const panel = panels + row / kPanelRows * blocks * of.panel_block_bytes;
    for (std::size_t b = 0; b < blocks; ++b, rows_in_order += of.block_bytes) {
      code->unpack(panel + b * of.panel_block_bytes, row % kPanelRows, rows_in_order);
    }
  }
}

void dequantize_row(Format format, const std::byte* row, std::size_t columns, float* out) {
  const auto& [of, code] = row_of(format);
  for (std::size_t i = 0; i < columns; i += of.block_weights, row += of.block_bytes) code->dequantize(row, out + i);
}

void dequantize_panel_row(Format format, const std::byte* panels, std::size_t row, std::size_t columns, float* out) {
  const auto& [of, code] = row_of(format);
  const std::byte* panel_block = panels + row / kPanelRows * (columns / of.block_weights) * of.panel_block_bytes;
  std::byte block[kMaximalBlockBytes];
  for (std::size_t i = 0; i < columns; i += of.block_weights, panel_block += of.panel_block_bytes) {
    code->unpack(panel_block, row % kPanelRows, block);
    code->dequantize(block, out + i);
  }
}

void quantize_row(Format format, const float* in, std::size_t columns, std::byte* row) {
  const auto& [of, code] = row_of(format);
  for (std::size_t i = 0; i < columns; i += of.block_weights, row += of.block_bytes) code->quantize(in + i, row);
}

}  // namespace linnet::kernels
