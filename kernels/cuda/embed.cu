// Looks rows up in the embedding table: in panels where the output projection shares it, else row-major floats.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/weights.h"

namespace linnet::kernels::cuda {

LINNET_DEVICE void put_scaled(const EmbedParameters& p, std::uint32_t row, std::uint32_t column, float x) {
  p.out[static_cast<std::size_t>(row) * p.out_stride + column] = p.scale == 1.0F ? x : product(x, p.scale);
}

// The columns that a lane of a product would have.
template <Format kFormat>
LINNET_DEVICE void embed_from_panels(const EmbedParameters& p, std::size_t looked_up, std::uint32_t item) {
  using Part = LanePart<kFormat>;
  const std::uint32_t first = item * Part::kColumns;
  if (first >= p.columns) return;
  const std::uint32_t chunk = first % 32 / Part::kColumns;
  const auto quad = static_cast<std::uint32_t>(looked_up % kRowsAPanel / 4);
  Part part;
  part.load(p.table + looked_up / kRowsAPanel * panel_size<kFormat>(p.columns), first / 32, chunk, quad);
  LINNET_UNROLL
  for (std::uint32_t i = 0; i < 4; ++i) {
    if (i != looked_up % 4) continue;
    std::uint32_t words[Part::kWords];
    part.codes(i, chunk, words);
    LINNET_UNROLL
    for (std::uint32_t c = 0; c < Part::kColumns; ++c) {
      const std::int32_t code = static_cast<std::int8_t>(words[c / 4] >> (8 * (c % 4)) & 0xFFU);
      float x = product(part.scale(i), static_cast<float>(code - kForm<kFormat>.offset));
      if constexpr (kForm<kFormat>.minima) x += part.minimum(i);
      put_scaled(p, block_y(), first + c, x);
    }
  }
}

LINNET_DEVICE float table_number(const std::byte* row, Format format, std::uint32_t column) {
  if (format == Format::kF32) return reinterpret_cast<const float*>(row)[column];
  const std::uint16_t bits = reinterpret_cast<const std::uint16_t*>(row)[column];
  return format == Format::kF16 ? half_to_float(bits) : bf16_to_float(bits);
}

LINNET_KERNEL(kRowThreads) linnet_cuda_embed(const EmbedParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t row = block_y();
  std::size_t looked_up = 0;
  if (p.by == Lookup::kToken) looked_up = static_cast<std::size_t>(p.step.tokens[row]);
  if (p.by == Lookup::kPosition) looked_up = p.step.positions[row];
  const std::uint32_t item = block_x() * kRowThreads + thread_index();
  switch (p.format) {
#define LINNET_CUDA_ENTRY(format, name) \
  case Format::k##format: return embed_from_panels<Format::k##format>(p, looked_up, item);
    LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
    default: break;
  }
  if (item >= p.columns) return;
  const std::size_t row_size = static_cast<std::size_t>(p.columns) * (p.format == Format::kF32 ? 4 : 2);
  put_scaled(p, row, item, table_number(p.table + looked_up * row_size, p.format, item));
}

}  // namespace linnet::kernels::cuda
