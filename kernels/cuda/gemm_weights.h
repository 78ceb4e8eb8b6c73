// A thread's share of a tile of weights: fetched as they lie in memory, put into shared memory as f16.
//
// Four columns are stored in the order 0, 2, 1, 3: so two bytes of a word become a pair of f16 by one permutation.
// Activations come in the same order (half_rows.cu), and a sum of products does not care.
#pragma once

#include "kernels/cuda/float_weights.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"
#include "kernels/cuda/tile.h"
#include "kernels/cuda/weights.h"

namespace linnet::kernels::cuda {

using GemmTile = HalfTile<kGemmDepth>;

// A warp a panel: 16 outputs x 64 columns, two parts.
template <Format kFormat>
class PanelShare {
  using Part = LanePart<kFormat>;
  static constexpr PanelForm kOwn = kForm<kFormat>;
  static constexpr std::uint32_t kHeld = 2 / Part::kPartsAWarp;
  static constexpr bool kSigned = kOwn.bytes || kOwn.code_book;

 public:
  LINNET_DEVICE void place(const Projection& projection, std::uint32_t tile, std::uint32_t columns, SharedAddress to) {
    panel_ = WarpPanel<kFormat>::of(projection, tile, columns);
    const std::uint32_t column = part_of(0, 0) * 32 + chunk() * Part::kColumns;
    to_ = to + GemmTile::at(warp_index() * kRowsAPanel + lane_index() % 4 * 4, column / 8) + column % 8 * 2;
  }

  LINNET_DEVICE void fetch(std::uint32_t step) {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kHeld; ++i) {
      const std::uint32_t part = part_of(step, i);
      if (part < panel_.parts) held_[i].load(panel_.first, part, chunk(), lane_index() % 4);
    }
    step_ = step;
  }

  LINNET_DEVICE void put(std::uint32_t offset) const {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kHeld; ++i) {
      const bool exists = part_of(step_, i) < panel_.parts;
      LINNET_UNROLL
      for (std::uint32_t row = 0; row < 4; ++row) {
        std::uint32_t halves[2 * Part::kWords] = {};
        if (exists) widen(held_[i], row, halves);
        // The second part lies four pieces further; rows turn the pieces by their number's last bits.
        const SharedAddress to = ((to_ + offset) ^ (row * 16) ^ (i * 64)) + row * (kGemmDepth * 2);
        if constexpr (Part::kWords == 2) {
          store_shared(to, Words4{{halves[0], halves[1], halves[2], halves[3]}});
        } else {
          store_shared(to, Words2{{halves[0], halves[1]}});
        }
      }
    }
  }

 private:
  LINNET_DEVICE static std::uint32_t chunk() { return lane_index() % Part::kLanes / 4; }
  LINNET_DEVICE static std::uint32_t part_of(std::uint32_t step, std::uint32_t i) {
    return 2 * step + i + lane_index() / Part::kLanes;
  }

  // A code is the low bits of the f16 1024 + code; minus 1024 and the offset it is exact, and one fma makes the weight.
  LINNET_DEVICE static void widen(const Part& part, std::uint32_t row, std::uint32_t (&halves)[2 * Part::kWords]) {
    constexpr std::uint32_t kBase = 0x6400U + (kSigned ? 128 : kOwn.offset);
    constexpr std::uint32_t kMinusBase = (kBase | 0x8000U) * 0x10001U;
    std::uint32_t words[Part::kWords];
    part.codes(row, chunk(), words);
    const std::uint32_t scale = part.scale_twice(row);
    std::uint32_t minimum = 0;
    if constexpr (kOwn.minima) minimum = part.minimum_twice(row);
    LINNET_UNROLL
    for (std::uint32_t w = 0; w < Part::kWords; ++w) {
      const std::uint32_t word = kSigned ? words[w] ^ 0x80808080U : words[w];
      const std::uint32_t even = add_halves(permute(word, 0x64646464U, 0x4240U), kMinusBase);
      const std::uint32_t odd = add_halves(permute(word, 0x64646464U, 0x4341U), kMinusBase);
      halves[2 * w] = fused_halves(even, scale, minimum);
      halves[2 * w + 1] = fused_halves(odd, scale, minimum);
    }
  }

  WarpPanel<kFormat> panel_;
  SharedAddress to_;
  std::uint32_t step_;
  Part held_[kHeld];
};

// Two threads an output, 32 columns each.
template <Format kFormat>
class FloatShare {
 public:
  LINNET_DEVICE void place(const Projection& projection, std::uint32_t tile, std::uint32_t columns, SharedAddress to) {
    const std::uint32_t output = tile * kGemmOutputs + thread_index() / 2;
    const std::size_t row_size = static_cast<std::size_t>(columns) * FloatWeights<kFormat>::kBytes;
    const bool exists = output < projection.rows;
    row_ = projection.weight + (exists ? output * row_size : 0);
    fours_ = exists ? columns / 4 : 0;
    to_ = to + GemmTile::at(thread_index() / 2, thread_index() % 2 * 4);
  }

  LINNET_DEVICE void fetch(std::uint32_t step) {
    const std::uint32_t first = step * (kGemmDepth / 4) + thread_index() % 2 * 8;
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 8; ++i) {
      float four[4] = {};
      if (first + i < fours_) FloatWeights<kFormat>::four(row_, first + i, four);
      halves_[2 * i] = pair_of_halves(four[0], four[2]);
      halves_[2 * i + 1] = pair_of_halves(four[1], four[3]);
    }
  }

  LINNET_DEVICE void put(std::uint32_t offset) const {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      store_shared((to_ + offset) ^ (i * 16),
                   Words4{{halves_[4 * i], halves_[4 * i + 1], halves_[4 * i + 2], halves_[4 * i + 3]}});
    }
  }

 private:
  const std::byte* row_;
  SharedAddress to_;
  std::uint32_t fours_;
  std::uint32_t halves_[16];
};

}  // namespace linnet::kernels::cuda
