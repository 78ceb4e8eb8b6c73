// How the 256-bit variants unpack a slab, and how their tiles read it.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/slab.h"
#include "kernels/matmul/weights_avx2.h"

namespace linnet::kernels::tile_avx2 {
namespace {

using panel_parts::kRowsOfSlabs;
using panel_parts::kSlabParts;
using panel_parts::Slab;

template <class Weights>
struct Unpacked : panel_parts::SlabParts<Weights> {
  using panel_parts::SlabParts<Weights>::part_of;
  static constexpr bool kSigned = Weights::kSigned;
  static constexpr std::size_t kRun = Weights::kRun;

  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    first = load_bytes(codes + 128 * c + 32 * half);
    second = load_bytes(codes + 128 * c + 64 + 32 * half);
  }
  static void share(const std::byte*, Shared&) {}
  static __m256 scales(const Shared&, const std::byte* block, std::size_t, std::size_t index, std::size_t half) {
    return _mm256_loadu_ps(part_of(block).scales[index] + 8 * half);
  }
  static __m256 minima(const Shared&, const std::byte* block, std::size_t, std::size_t half) {
    return _mm256_loadu_ps(part_of(block).minima + 8 * half);
  }
};

template <class Product, class Weights>
void fill_part(typename Slab<Weights>::Part& to, const std::byte* block, std::size_t part, const Shared& shared) {
  const std::byte* const codes = Weights::codes(block, part);
  for (std::size_t h = 0; h < kHalves; ++h) {
    for (std::size_t c = 0; c < 4; ++c) {
      __m256i four[2];
      Weights::unpack(codes, c, h, four[0], four[1]);
      for (std::size_t i = 0; i < 2; ++i) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to.codes + 128 * c + 64 * i + 32 * h),
                            Product::template prepared<Weights>(four[i]));
      }
    }
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      _mm256_storeu_ps(to.scales[index] + 8 * h, Weights::scales(shared, block, part, index, h));
    }
    if constexpr (Weights::kHasMinimum) _mm256_storeu_ps(to.minima + 8 * h, Weights::minima(shared, block, part, h));
  }
}

// Takes `count` parts of a panel from number `first` on.
template <class Product, class Weights>
void fill(Slab<Weights>& slab, const std::byte* panel, std::size_t first, std::size_t count, bool ahead) {
  Shared shared{};
  const auto unpack = [&](const std::byte* block, std::size_t part, std::size_t i) {
    if (part == 0) Weights::share(block, shared);
    fill_part<Product, Weights>(slab.parts[i], block, part, shared);
  };
  panel_parts::for_each_part<Weights>(panel, first, count, ahead, unpack);
}

}  // namespace
}  // namespace linnet::kernels::tile_avx2
