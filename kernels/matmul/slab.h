// A slab of a panel, unpacked once for all rows of a prompt: what files of all instruction sets share.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/panel_parts.h"

namespace linnet::kernels::panel_parts {
namespace {

inline constexpr std::size_t kSlabParts = 8;     // Of 32 columns: the largest block.
inline constexpr std::size_t kRowsOfSlabs = 16;  // Fewer rows do not repay it.

// Codes as the product takes them, a byte each, where those of Q8_0 lie; scales and minima as floats.
template <class Weights>
struct Slab {
  struct Part {
    std::byte codes[kPanelRows * kActivationBlock];
    float scales[Weights::kScales][kPanelRows];
    float minima[Weights::kHasMinimum ? kPanelRows : 1];
  };
  alignas(64) Part parts[kSlabParts];

  [[nodiscard]] const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(parts); }
};

// Calls each(block, part, number) for a panel's parts `first` … `first + count - 1`, the first of which begins a block.
template <class Weights, class Each>
inline void for_each_part(const std::byte* panel, std::size_t first, std::size_t count, bool ahead, Each each) {
  static_assert(kSlabParts % Weights::kParts == 0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* const block = panel + (first + i) / Weights::kParts * Weights::kBlockBytes;
    const std::size_t part = i % Weights::kParts;
    if (ahead && part % Weights::kJoined == 0) ask_ahead<Weights>(Weights::codes(block, part));
    each(block, part, i);
  }
}

// A slab's part as a block of a format of its own.
template <class Weights>
struct SlabParts {
  using Part = typename Slab<Weights>::Part;
  static constexpr bool kIsSlab = true;
  static constexpr std::size_t kParts = 1;
  static constexpr std::size_t kJoined = Weights::kJoined;
  static constexpr std::size_t kScales = Weights::kScales;
  static constexpr std::size_t kBlockBytes = sizeof(Part);
  static constexpr bool kHasMinimum = Weights::kHasMinimum;
  static constexpr std::int32_t kOffset = Weights::kOffset;

  static const Part& part_of(const std::byte* block) { return *reinterpret_cast<const Part*>(block); }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block + part * sizeof(Part)).codes;
  }
};

}  // namespace
}  // namespace linnet::kernels::panel_parts
