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

  // Where the lane's row of the first operand starts, whose rows are first … first + 15 (or 7). Operands 16 rows
  // further lie as much further; other pieces are reached by an exclusive or: one instruction, where `at` takes eight.
  // Tiles lie on multiples of 256 bytes.
  LINNET_DEVICE static SharedAddress left_start(SharedAddress tile, std::uint32_t first) {
    return tile + at(first + lane_index() % 16, lane_index() / 16);
  }
  LINNET_DEVICE static SharedAddress right_start(SharedAddress tile, std::uint32_t first) {
    return tile + at(first + lane_index() % 8 + lane_index() / 16 * 8, lane_index() / 8 % 2);
  }
  LINNET_DEVICE static SharedAddress operand(SharedAddress start, std::uint32_t sixteens, std::uint32_t piece) {
    return (start ^ (piece * 16)) + sixteens * (16 * kWidth * 2);
  }

  // Left operand of a 16 x 8 x 16 product: 16 rows, pieces `piece` (even) and the next.
  // Right operands: words 0 and 1 of eight columns, words 2 and 3 of the next eight.
  LINNET_DEVICE static Words4 load(SharedAddress start, std::uint32_t sixteens, std::uint32_t piece) {
    return load_matrices(operand(start, sixteens, piece));
  }
  // Right operands of a tile whose rows are summed over, from left_start: 16 rows; words 0 and 1 of the columns of
  // `piece`, words 2 and 3 of the next.
  LINNET_DEVICE static Words4 load_by_rows(SharedAddress start, std::uint32_t sixteens, std::uint32_t piece) {
    return load_transposed(operand(start, sixteens, piece));
  }
};

}  // namespace linnet::kernels::cuda
