// A tile of numbers in shared memory, f16 or int8, read by ldmatrix without bank conflicts.
#pragma once

#include "kernels/cuda/device.h"

namespace linnet::kernels::cuda {

// Rows of kRowBytes without gaps. The 16-byte pieces of a row change places by its number, so that 8 rows' same pieces
// (ldmatrix), and with 128 bytes rows 4 apart with neighbouring pieces (what gemm's threads store), lie in different
// banks. Rows of 64 bytes are two in a line of all banks: there pairs of rows change places.
template <std::uint32_t kRowBytes>
struct PieceTile {
  static_assert(kRowBytes % 128 == 0 || kRowBytes == 64);

  LINNET_DEVICE static std::uint32_t at(std::uint32_t row, std::uint32_t piece) {
    const std::uint32_t turn = kRowBytes == 64 ? row >> 1 & 3U : (row & 7U) ^ (row >> 2 & 2U);
    return row * kRowBytes + (piece ^ turn) * 16;
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
    return (start ^ (piece * 16)) + sixteens * (16 * kRowBytes);
  }

  // Left operand of a product of 16 rows: pieces `piece` (even) and the next.
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

template <std::uint32_t kWidth>
using HalfTile = PieceTile<kWidth * 2>;

}  // namespace linnet::kernels::cuda
