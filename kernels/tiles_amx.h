// What files that use AMX's tiles share.
#pragma once

// The second name is clang 14's.
#if !defined(__AMX_INT8__) && !defined(__AMXINT8__)
#  error "files that include this are compiled with -mamx-tile -mamx-int8"
#endif

#include <immintrin.h>

#include <cstdint>

namespace linnet::kernels {
namespace {

// As LDTILECFG reads it (Intel SDM volume 1, 18.2). A constant object: GCC 12 takes the instruction for one that reads
// eight bytes of it, and may leave writes of the others out.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};  // Of tile 0, 1, …, at most 64.
  std::uint8_t rows[16] = {};        // At most 16.
};
static_assert(sizeof(TileShapes) == 64);

// Between writing what a tile is loaded from and loading it: GCC 12 does not know that a tile's load reads memory.
inline void publish_to_tiles() { __asm__ volatile("" ::: "memory"); }

}  // namespace
}  // namespace linnet::kernels
