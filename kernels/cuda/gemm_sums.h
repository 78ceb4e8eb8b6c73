// A warp's share of the 128 x 128 outputs that a block of threads computes: 64 rows x 32 outputs; warps lie 2 x 4.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"

namespace linnet::kernels::cuda {

struct WarpSums {
  float sum[4][4][4];  // [16 rows][8 outputs][PTX's four]

  LINNET_DEVICE static std::uint32_t first_row() { return warp_index() / 4 * 64; }
  LINNET_DEVICE static std::uint32_t first_output() { return warp_index() % 4 * 32; }

  // Adds each sum times `scale_of(row)` to its output.
  template <class ScaleOf>
  LINNET_DEVICE void put(const Tile& tile, std::uint32_t rows, ScaleOf scale_of) const {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      LINNET_UNROLL
      for (std::uint32_t half = 0; half < 2; ++half) {
        const std::uint32_t row = block_x() * kGemmRows + first_row() + 16 * i + 8 * half + lane_index() / 4;
        if (row >= rows) continue;
        const float scale = scale_of(row);
        LINNET_UNROLL
        for (std::uint32_t j = 0; j < 8; ++j) {
          const std::uint32_t output =
              tile.number * kGemmOutputs + first_output() + 8 * (j / 2) + lane_index() % 4 * 2 + j % 2;
          if (output >= tile.projection.rows) continue;
          put_output(tile.projection, row, output, product(sum[i][j / 2][2 * half + j % 2], scale));
        }
      }
    }
  }
};

}  // namespace linnet::kernels::cuda
