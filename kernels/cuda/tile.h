// A tile of f16 numbers in shared memory, read by ldmatrix without bank conflicts.
#pragma once

#include "kernels/cuda/device.h"

namespace linnet::kernels::cuda {

// [rows][kWidth] f16 without gaps. The 16-byte pieces of a row change places by its number, so that 8 rows' same pieces
// (ldmatrix), and rows 4 apart with neighbouring pieces (what gemm's threads store), lie in different banks.
template <std::uint32_t kWidth>
struct HalfTile {
  static_assert(kWidth % 64 == 0);

  LINNET_DEVICE static std::uint32_t at(std::uint32_t row, std::uint32_t piece) {
    const std::uint32_t turned = piece ^ ((row & 7U) ^ (row >> 2 & 2U));
    return row * (kWidth * 2) + turned * 16;
  }

  // Rows first … first + 15, pieces `piece` and the next, as the left operand of a 16 x 8 x 16 product.
  LINNET_DEVICE static Words4 left(const std::byte* tile, std::uint32_t first, std::uint32_t piece) {
    const std::uint32_t lane = lane_index();
    return load_matrices(tile + at(first + lane % 16, piece + lane / 16));
  }
  // As right operands: words 0 and 1 of columns first … first + 7, words 2 and 3 of the next eight.
  LINNET_DEVICE static Words4 right(const std::byte* tile, std::uint32_t first, std::uint32_t piece) {
    const std::uint32_t lane = lane_index();
    return load_matrices(tile + at(first + lane % 8 + lane / 16 * 8, piece + lane / 8 % 2));
  }
  // As right operands of a tile whose rows are summed over: rows first … first + 15; words 0 and 1 of the columns of
  // `piece`, words 2 and 3 of the next.
  LINNET_DEVICE static Words4 right_of_rows(const std::byte* tile, std::uint32_t first, std::uint32_t piece) {
    const std::uint32_t lane = lane_index();
    return load_transposed(tile + at(first + lane % 16, piece + lane / 16));
  }
};

}  // namespace linnet::kernels::cuda
