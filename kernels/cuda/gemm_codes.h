// A thread's share of a tile of panels: fetched as they lie in memory, put into shared memory as signed bytes and, for
// each block of 32 columns, the outputs' scales and minima as floats.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"
#include "kernels/cuda/tile.h"
#include "kernels/cuda/weights.h"

namespace linnet::kernels::cuda {

using CodeTile = PieceTile<kGemmDepth>;

// One turn of shared memory: activations, codes, then numbers of [block of 32 columns][128]: scales of the activations
// and of the weights, and the minima, or the scales of each block's second half.
struct CodeRoom {
  static constexpr std::uint32_t kBlocks = kGemmDepth / 32;
  static constexpr std::uint32_t kNumbers = kBlocks * kGemmRows * 4;
  static constexpr std::uint32_t kCodes = kGemmRows * kGemmDepth;
  static constexpr std::uint32_t kRowScales = kCodes + kGemmOutputs * kGemmDepth;
  static constexpr std::uint32_t kScales = kRowScales + kNumbers;
  static constexpr std::uint32_t kSecond = kScales + kNumbers;
  static constexpr std::uint32_t kTurn = kSecond + kNumbers;
};
static_assert(2 * CodeRoom::kTurn == kGemmInt8Shared);

// A warp a panel: 16 outputs x 64 columns, two parts.
template <Format kFormat>
class CodeShare {
  using Part = LanePart<kFormat>;
  static constexpr PanelForm kOwn = kForm<kFormat>;
  static constexpr std::uint32_t kHeld = CodeRoom::kBlocks / Part::kPartsAWarp;
  static constexpr std::uint32_t kChunksAScale = Part::kLanes / 4 / Part::kScales;
  static constexpr std::uint32_t kTimes = kOwn.offset == 0 ? 1 : 128 / kOwn.offset;  // What bytes are, of codes.

 public:
  LINNET_DEVICE void place(const Projection& projection, std::uint32_t tile, std::uint32_t columns, SharedAddress to) {
    panel_ = WarpPanel<kFormat>::of(projection, tile, columns);
    const std::uint32_t row = warp_index() * kRowsAPanel + lane_index() % 4 * 4;
    const std::uint32_t column = block(0) * 32 + chunk() * Part::kColumns;
    codes_ = to + CodeRoom::kCodes + CodeTile::at(row, column / 16) + column % 16;
    const std::uint32_t second = chunk() / kChunksAScale * (CodeRoom::kSecond - CodeRoom::kScales);
    scales_ = to + CodeRoom::kScales + second + (block(0) * kGemmOutputs + row) * 4;
  }

  LINNET_DEVICE void fetch(std::uint32_t step) {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kHeld; ++i) {
      const std::uint32_t part = CodeRoom::kBlocks * step + block(i);
      if (part < panel_.parts) held_[i].load(panel_.first, part, chunk(), lane_index() % 4);
    }
    step_ = step;
  }

  LINNET_DEVICE void put(std::uint32_t offset) const {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kHeld; ++i) {
      const bool exists = CodeRoom::kBlocks * step_ + block(i) < panel_.parts;
      LINNET_UNROLL
      for (std::uint32_t row = 0; row < 4; ++row) put_codes(held_[i], exists, row, offset, i);
      if (chunk() % kChunksAScale == 0) put_scales(held_[i], exists, offset + i * (kGemmOutputs * 4));
    }
  }

 private:
  LINNET_DEVICE static std::uint32_t chunk() { return lane_index() % Part::kLanes / 4; }
  LINNET_DEVICE static std::uint32_t block(std::uint32_t i) { return i + lane_index() / Part::kLanes; }

  // The second block lies two pieces further; rows turn the pieces by the second and third of their number's bits.
  LINNET_DEVICE void put_codes(const Part& part, bool exists, std::uint32_t row, std::uint32_t offset,
                               std::uint32_t i) const {
    std::uint32_t words[Part::kWords] = {};
    if (exists) {
      part.codes(row, chunk(), words);
      LINNET_UNROLL
      for (std::uint32_t w = 0; w < Part::kWords; ++w) words[w] = signed_codes(words[w]);
    }
    const SharedAddress to = ((codes_ + offset) ^ (row / 2 * 16) ^ (i * 32)) + row * kGemmDepth;
    if constexpr (Part::kWords == 2) {
      store_shared(to, Words2{{words[0], words[1]}});
    } else {
      store_shared(to, words[0]);
    }
  }

  // Codes with an offset are put into the upper bits of a byte, where turning the top bit round takes the offset off.
  LINNET_DEVICE static std::uint32_t signed_codes(std::uint32_t codes) {
    if constexpr (kOwn.offset == 0) return codes;
    return codes * kTimes ^ 0x80808080U;
  }

  LINNET_DEVICE void put_scales(const Part& part, bool exists, std::uint32_t offset) const {
    Words4 scales{};
    Words4 minima{};
    if (exists) {
      LINNET_UNROLL
      for (std::uint32_t row = 0; row < 4; ++row) {
        scales.word[row] = bits_of(part.scale(row) * (1.0F / kTimes));
        if constexpr (kOwn.minima) minima.word[row] = bits_of(part.minimum(row));
      }
    }
    store_shared(scales_ + offset, scales);
    if constexpr (kOwn.minima) store_shared(scales_ + offset + (CodeRoom::kSecond - CodeRoom::kScales), minima);
  }

  WarpPanel<kFormat> panel_;
  SharedAddress codes_;
  SharedAddress scales_;
  std::uint32_t step_;
  Part held_[kHeld];
};

}  // namespace linnet::kernels::cuda
