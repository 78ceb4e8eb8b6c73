// Where a panel block of each format has its scales, minima and codes: what files of all instruction sets share.
//
// A format tells how many parts of 32 columns a block holds (kParts), how many of them share all scales, also the
// activations', so that one exact product takes them (kJoined), how many scales a row has in each (kScales), and where
// a part's codes start. Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/matmul.h"

namespace linnet::kernels::panel_parts {
namespace {

inline constexpr std::size_t kScaleBytes = 2 * kPanelRows;
inline constexpr std::size_t kNibbleBytes = 256;  // Of 16 rows x 32 columns.

// Asks for the parts of one product that lie 4 KiB behind `codes`, most likely of the same panel or the next one, to be
// brought near, and for those 1 KiB behind to be brought into the nearest cache: so the few lines that a core has under
// way there wait for the cache beyond it, not for memory.
template <class Weights>
inline void ask_ahead(const std::byte* codes) {
  constexpr std::size_t kFar = 4096;
  constexpr std::size_t kNear = 1024;
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < Weights::kBlockBytes / Weights::kParts * Weights::kJoined; i += kLine) {
    __builtin_prefetch(codes + kFar + i, 0, 2);  // Never faults.
    __builtin_prefetch(codes + kNear + i, 0, 3);
  }
}

// Scales (and minima) first, then the codes of all parts that share them.
template <bool kMinimum, std::size_t kCodeBytes, std::size_t kPartCount>
struct UnderOneScale {
  static constexpr std::size_t kParts = kPartCount;
  static constexpr std::size_t kJoined = kParts;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kCodes = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kCodes + kParts * kCodeBytes;
  static constexpr bool kHasMinimum = kMinimum;

  static const std::byte* codes(const std::byte* block, std::size_t part) { return block + kCodes + part * kCodeBytes; }
};

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kJoined = 1;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kCodeBytes;
  static constexpr std::size_t kBlockBytes = 2 * kScaleBytes + kParts * kPartBytes;
  static constexpr bool kHasMinimum = true;

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + 2 * kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
};

// Super-blocks of Q6_K: f16 scales, then in each part two signed 8-bit multiples of them, nibbles and upper bits.
struct WithTwoScales {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kJoined = 1;
  static constexpr std::size_t kScales = 2;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kNibbleBytes + 128;
  static constexpr std::size_t kBlockBytes = kScaleBytes + kParts * kPartBytes;
  static constexpr bool kHasMinimum = false;

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
};

}  // namespace
}  // namespace linnet::kernels::panel_parts
