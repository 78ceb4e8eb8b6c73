// Attention of prompts: tiles of (row, head) pairs that share a KV head, on tensor cores, positions 64 at a time.
//
// The softmax runs along (Milakov and Gimelshein 2018; tiled as Dao 2023): scores never leave the registers, which hold
// them as the left operand of the product with the values. While keys are multiplied the values are copied, and while
// values are multiplied the next keys are. Queries and weights are two f16 numbers each, what they are rounded to and
// what that leaves: with one, sums would be off by so much that a model's next rounding to int8 often turns the other
// way.
#include "kernels/cuda/pages.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/tile.h"

namespace linnet::kernels::cuda {

static_assert(kAttendItems == 16 * kAttendThreads / kWarp, "A warp takes 16 items.");

// 8 numbers of the cache as they go into a tile, or zeros: f16 in passing, int8 by way of registers and the row's
// scale.
LINNET_DEVICE void copy_eight(HalfRow /*row*/, SharedAddress to, const std::uint16_t* row, std::uint32_t first,
                              std::uint32_t /*numbers*/, bool exists) {
  copy_async(to, reinterpret_cast<const std::byte*>(row + first), !exists);
}
LINNET_DEVICE void copy_eight(Q8Row /*row*/, SharedAddress to, const std::uint16_t* row, std::uint32_t first,
                              std::uint32_t numbers, bool exists) {
  Words4 halves{};
  if (exists) {
    const float scale = Q8Row::scale(row, numbers);
    LINNET_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      const std::uint32_t four = Q8Row::four(row, first + 4 * half);
      LINNET_UNROLL
      for (std::uint32_t pair = 0; pair < 2; ++pair) {
        halves.word[2 * half + pair] =
            pair_of_halves(scale * Q8Row::number(four, 2 * pair), scale * Q8Row::number(four, 2 * pair + 1));
      }
    }
  }
  store_shared(to, halves);
}

template <std::uint32_t kWidth, class Row>
class TileAttention {
  using Tile = HalfTile<kWidth>;
  static constexpr std::uint32_t kPieces = kWidth / 8;
  static constexpr std::uint32_t kTileBytes = kAttendPositions * kWidth * 2;

 public:
  LINNET_DEVICE TileAttention(const AttendTilesParameters& p, SharedAddress shared)
      : p_(p),
        queries_(shared),
        keys_(shared + 2 * kTileBytes),
        values_(shared + 3 * kTileBytes),
        tile_(p.tiles[block_x()]),
        group_(p.shape.heads / p.shape.kv_heads),
        sequence_(p.step.sequences[tile_.first_row]) {
    for (std::uint32_t half = 0; half < 2; ++half) {
      const std::uint32_t item = own_item(half);
      const std::uint32_t row = item / group_;
      sights_[half] = row < tile_.rows ? sight_of(p.step, p.shape.window, tile_.first_row + row) : Sight{0, 0};
    }
  }

  LINNET_DEVICE void run() {
    const std::uint32_t begin = sight_of(p_.step, p_.shape.window, tile_.first_row).begin / kAttendPositions;
    const std::uint32_t end = sight_of(p_.step, p_.shape.window, tile_.first_row + tile_.rows - 1).end;
    put_queries();
    copy_keys(begin);
    for (std::uint32_t run = begin; run * kAttendPositions < end; ++run) {
      copy_values(run);
      wait_for_copies<1>();  // The keys.
      synchronise();
      float scores[kAttendPositions / 8][4] = {};
      score(scores);
      weigh(scores, run);
      synchronise();
      if ((run + 1) * kAttendPositions < end)
        copy_keys(run + 1);
      else
        close_copies();
      wait_for_copies<1>();  // The values.
      synchronise();
      add_values(scores);
      synchronise();
    }
    put();
  }

 private:
  // The lane's two items, those of PTX's sums.
  LINNET_DEVICE static std::uint32_t own_item(std::uint32_t half) {
    return warp_index() * 16 + lane_index() / 4 + 8 * half;
  }
  LINNET_DEVICE std::uint32_t head_of(std::uint32_t item) const { return block_y() * group_ + item % group_; }

  LINNET_DEVICE void put_queries() {
    for (std::uint32_t i = thread_index(); i < kAttendItems * kPieces; i += kAttendThreads) {
      const std::uint32_t item = i / kPieces;
      const std::uint32_t row = item / group_;
      Words4 halves{};
      Words4 rests{};
      if (row < tile_.rows) {
        const float* const from = p_.shape.queries +
                                  static_cast<std::size_t>(tile_.first_row + row) * p_.shape.query_stride +
                                  head_of(item) * kWidth + i % kPieces * 8;
        LINNET_UNROLL
        for (std::uint32_t c = 0; c < 4; ++c) {
          halves.word[c] = pair_of_halves(from[2 * c], from[2 * c + 1]);
          rests.word[c] = rest_of_halves(from[2 * c], from[2 * c + 1], halves.word[c]);
        }
      }
      store_shared(queries_ + Tile::at(item, i % kPieces), halves);
      store_shared(queries_ + kTileBytes + Tile::at(item, i % kPieces), rests);
    }
  }

  // A run of positions lies in one page. What lies behind the end is whatever the page holds, and its weight is 0: so
  // values are zeroed there (0 times an infinity is none).
  LINNET_DEVICE void copy(const std::uint16_t* from, std::uint32_t numbers, SharedAddress to,
                          std::uint32_t exist) const {
    for (std::uint32_t i = thread_index(); i < kAttendPositions * kPieces; i += kAttendThreads) {
      const std::uint32_t position = i / kPieces;
      copy_eight(Row{}, to + Tile::at(position, i % kPieces), from + static_cast<std::size_t>(position) * numbers,
                 i % kPieces * 8, numbers, position < exist);
    }
    close_copies();
  }
  LINNET_DEVICE std::uint32_t existing(std::uint32_t run) const {
    return p_.step.sees[tile_.first_row + tile_.rows - 1] - run * kAttendPositions;
  }
  LINNET_DEVICE void copy_keys(std::uint32_t run) {
    copy(keys_at(p_.place, p_.step, sequence_, run * kAttendPositions, block_y()), p_.place.key_row, keys_,
         existing(run));
  }
  LINNET_DEVICE void copy_values(std::uint32_t run) {
    copy(values_at(p_.place, p_.step, sequence_, run * kAttendPositions, block_y()), p_.place.value_row, values_,
         existing(run));
  }

  LINNET_DEVICE void score(float (&scores)[kAttendPositions / 8][4]) const {
    const SharedAddress queries = Tile::left_start(queries_, warp_index() * 16);
    const SharedAddress keys = Tile::right_start(keys_, 0);
    LINNET_UNROLL
    for (std::uint32_t piece = 0; piece < kPieces; piece += 2) {
      const Words4 left = Tile::load(queries, 0, piece);
      const Words4 rest = Tile::load(queries + kTileBytes, 0, piece);
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < kAttendPositions / 16; ++j) {
        const Words4 right = Tile::load(keys, j, piece);
        multiply_add(scores[2 * j], left, right.word[0], right.word[1]);
        multiply_add(scores[2 * j], rest, right.word[0], right.word[1]);
        multiply_add(scores[2 * j + 1], left, right.word[2], right.word[3]);
        multiply_add(scores[2 * j + 1], rest, right.word[2], right.word[3]);
      }
    }
  }

  // Scores become weights; what was summed before shrinks where the maximum grew. Number i of four is of item i / 2.
  LINNET_DEVICE void weigh(float (&scores)[kAttendPositions / 8][4], std::uint32_t run) {
    const float factor = p_.shape.scale * kLog2E;
    LINNET_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      float maximum = maxima_[half];
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < kAttendPositions / 8; ++j) {
        LINNET_UNROLL
        for (std::uint32_t i = 2 * half; i < 2 * half + 2; ++i) {
          const std::uint32_t position = run * kAttendPositions + 8 * j + lane_index() % 4 * 2 + i % 2;
          const bool seen = position >= sights_[half].begin && position < sights_[half].end;
          scores[j][i] = seen ? scores[j][i] * factor : kHidden;
          maximum = larger(maximum, scores[j][i]);
        }
      }
      maximum = larger(maximum, shuffle_xor(maximum, 1));
      maximum = larger(maximum, shuffle_xor(maximum, 2));
      const float shrink = power_of_two(maxima_[half] - maximum);
      maxima_[half] = maximum;
      float sum = 0.0F;
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < kAttendPositions / 8; ++j) {
        LINNET_UNROLL
        for (std::uint32_t i = 2 * half; i < 2 * half + 2; ++i) {
          scores[j][i] = scores[j][i] <= kHidden ? 0.0F : power_of_two(scores[j][i] - maximum);
          sum += scores[j][i];
        }
      }
      sums_[half] = fused(sums_[half], shrink, sum);
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < kWidth / 8; ++j) {
        out_[j][2 * half] *= shrink;
        out_[j][2 * half + 1] *= shrink;
      }
    }
  }

  LINNET_DEVICE void add_values(const float (&scores)[kAttendPositions / 8][4]) {
    const SharedAddress values = Tile::left_start(values_, 0);
    LINNET_UNROLL
    for (std::uint32_t j = 0; j < kAttendPositions / 16; ++j) {
      const float(&even)[4] = scores[2 * j];
      const float(&odd)[4] = scores[2 * j + 1];
      const Words4 left{{pair_of_halves(even[0], even[1]), pair_of_halves(even[2], even[3]),
                         pair_of_halves(odd[0], odd[1]), pair_of_halves(odd[2], odd[3])}};
      const Words4 rest{{rest_of_halves(even[0], even[1], left.word[0]), rest_of_halves(even[2], even[3], left.word[1]),
                         rest_of_halves(odd[0], odd[1], left.word[2]), rest_of_halves(odd[2], odd[3], left.word[3])}};
      LINNET_UNROLL
      for (std::uint32_t piece = 0; piece < kPieces; piece += 2) {
        const Words4 right = Tile::load_by_rows(values, j, piece);
        multiply_add(out_[piece], left, right.word[0], right.word[1]);
        multiply_add(out_[piece], rest, right.word[0], right.word[1]);
        multiply_add(out_[piece + 1], left, right.word[2], right.word[3]);
        multiply_add(out_[piece + 1], rest, right.word[2], right.word[3]);
      }
    }
  }

  LINNET_DEVICE void put() {
    LINNET_UNROLL
    for (std::uint32_t half = 0; half < 2; ++half) {
      float sum = sums_[half];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const std::uint32_t item = own_item(half);
      const std::uint32_t row = item / group_;
      if (row >= tile_.rows) continue;
      float* const out = p_.out + static_cast<std::size_t>(tile_.first_row + row) * p_.out_stride +
                         head_of(item) * kWidth + lane_index() % 4 * 2;
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < kWidth / 8; ++j) {
        out[8 * j] = out_[j][2 * half] / sum;
        out[8 * j + 1] = out_[j][2 * half + 1] / sum;
      }
    }
  }

  static constexpr float kHidden = -1e30F;  // Of positions that an item does not see; finite, as differences are taken.

  const AttendTilesParameters& p_;
  const SharedAddress queries_;
  const SharedAddress keys_;
  const SharedAddress values_;
  const AttendTile tile_;
  const std::uint32_t group_;
  const std::uint32_t sequence_;
  Sight sights_[2];
  float maxima_[2] = {kHidden, kHidden};
  float sums_[2] = {};  // Of the lane's own positions; the four lanes of an item add theirs at the end.
  float out_[kWidth / 8][4] = {};
};

template <std::uint32_t kWidth, class Row>
LINNET_DEVICE void attend_tiles(const AttendTilesParameters& p) {
  LINNET_DYNAMIC_SHARED(tiles);
  wait_for_predecessor();
  let_successor_start();
  TileAttention<kWidth, Row>(p, shared_address(tiles)).run();
}

LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_tiles_64(const AttendTilesParameters p) {
  attend_tiles<64, HalfRow>(p);
}
LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_tiles_64_q8(const AttendTilesParameters p) {
  attend_tiles<64, Q8Row>(p);
}
LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_tiles_128(const AttendTilesParameters p) {
  attend_tiles<128, HalfRow>(p);
}
LINNET_KERNEL(kAttendThreads) linnet_cuda_attend_tiles_128_q8(const AttendTilesParameters p) {
  attend_tiles<128, Q8Row>(p);
}

}  // namespace linnet::kernels::cuda
