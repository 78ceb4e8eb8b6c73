// How the 512-bit variant unpacks a slab, and how its tiles read it.
#pragma once

#include "kernels/matmul/slab.h"
#include "kernels/matmul/weights_avx512.h"

namespace linnet::kernels::avx512_vnni {
namespace {

using panel_parts::kRowsOfSlabs;
using panel_parts::kSlabParts;

template <class Weights>
struct Unpacked : panel_parts::SlabParts<Weights> {
  using panel_parts::SlabParts<Weights>::part_of;

  static void unpack(const std::byte* codes, std::size_t c, __m512i& first, __m512i& second) {
    first = load_bytes(codes + 128 * c);
    second = load_bytes(codes + 128 * c + 64);
  }
  static Shared shared(const std::byte*) { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }
  static __m512 scales(const Shared&, const std::byte* block, std::size_t, std::size_t index) {
    return _mm512_loadu_ps(part_of(block).scales[index]);
  }
  static __m512 minima(const Shared&, const std::byte* block, std::size_t) {
    return _mm512_loadu_ps(part_of(block).minima);
  }
};

template <class Weights>
void fill_part(typename panel_parts::Slab<Weights>::Part& to, const std::byte* block, std::size_t part,
               const Shared& shared) {
  for (std::size_t c = 0; c < 4; ++c) {
    __m512i first;
    __m512i second;
    Weights::unpack(Weights::codes(block, part), c, first, second);
    _mm512_storeu_si512(to.codes + 128 * c, first);
    _mm512_storeu_si512(to.codes + 128 * c + 64, second);
  }
  for (std::size_t index = 0; index < Weights::kScales; ++index) {
    _mm512_storeu_ps(to.scales[index], Weights::scales(shared, block, part, index));
  }
  if constexpr (Weights::kHasMinimum) _mm512_storeu_ps(to.minima, Weights::minima(shared, block, part));
}

// Takes `count` parts of a panel from number `first` on.
template <class Weights>
void fill(panel_parts::Slab<Weights>& slab, const std::byte* panel, std::size_t first, std::size_t count, bool ahead) {
  Shared shared{};
  const auto unpack = [&](const std::byte* block, std::size_t part, std::size_t i) {
    if (part == 0) shared = Weights::shared(block);
    fill_part<Weights>(slab.parts[i], block, part, shared);
  };
  panel_parts::for_each_part<Weights>(panel, first, count, ahead, unpack);
}

}  // namespace
}  // namespace linnet::kernels::avx512_vnni
