// The products of one launch: which of them a block of threads computes, and where its numbers go.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/weights.h"

namespace linnet::kernels::cuda {

struct Tile {
  Projection projection;
  std::uint32_t number;  // In the projection.
};

// The projections' tiles of outputs one behind the other. Parameters are indexed by constants alone, so that they stay
// in constant memory.
template <class Parameters>
LINNET_DEVICE Tile tile_of(const Parameters& p, std::uint32_t index, std::uint32_t rows_a_tile) {
  Tile tile{p.projections[0], index};
  LINNET_UNROLL
  for (std::uint32_t i = 0; i + 1 < kProjections; ++i) {
    const std::uint32_t tiles = (p.projections[i].rows + rows_a_tile - 1) / rows_a_tile;
    if (i + 1 >= p.projection_count || index < tiles) break;
    index -= tiles;
    tile = {p.projections[i + 1], index};
  }
  return tile;
}

// The warp's panel of a tile of kGemmOutputs outputs; it has no parts where it does not exist.
template <Format kFormat>
struct WarpPanel {
  const std::byte* first;
  std::uint32_t parts;

  LINNET_DEVICE static WarpPanel of(const Projection& projection, std::uint32_t tile, std::uint32_t columns) {
    const std::uint32_t panel = tile * (kGemmOutputs / kRowsAPanel) + warp_index();
    const bool exists = panel * kRowsAPanel < projection.rows;
    return {projection.weight + (exists ? panel * panel_size<kFormat>(columns) : 0), exists ? columns / 32 : 0};
  }
};

// out = sum + bias, or out += that; one rounding each, as the CPU's executor.
LINNET_DEVICE void put_output(const Projection& to, std::uint32_t row, std::uint32_t column, float sum) {
  if (to.bias != nullptr) sum += to.bias[column];
  float& out = to.out[static_cast<std::size_t>(row) * to.out_stride + column];
  out = to.accumulate != 0 ? out + sum : sum;
}

}  // namespace linnet::kernels::cuda
