#include <cstring>

#include "kernels/limits/limits.h"
#include "kernels/tiles_amx.h"

namespace linnet::kernels::amx_int8 {
namespace {

constexpr std::size_t kLines = 16;                                      // Of a tile, 64 bytes each.
constexpr std::size_t kSumsOfTile = kLines * 16;                        // Products that one instruction adds.
constexpr std::size_t kTiles = 4;                                       // Of sums: they hide the instruction's latency.
constexpr TileShapes kShapes = {.row_bytes = {64, 64, 64, 64, 64, 64},  // Four of sums, then both sides.
                                .rows = {16, 16, 16, 16, 16, 16}};

struct alignas(64) Tile {
  std::byte lines[kLines][64];
};

// Every row is all of `a`.
Tile rows_of(const std::uint8_t* a) {
  Tile tile;
  for (auto& line : tile.lines) std::memcpy(line, a, sizeof line);
  return tile;
}

// Every column is all of `b`: four numbers a line.
Tile columns_of(const std::int8_t* b) {
  Tile tile;
  for (std::size_t k = 0; k < kLines; ++k) {
    for (std::size_t column = 0; column < 16; ++column) std::memcpy(tile.lines[k] + 4 * column, b + 4 * k, 4);
  }
  return tile;
}

std::uint32_t total_of(const Tile& sums) {
  std::uint32_t total = 0;
  for (const auto& line : sums.lines) {
    std::uint32_t numbers[16];
    std::memcpy(numbers, line, sizeof numbers);
    for (const std::uint32_t number : numbers) total += number;
  }
  return total;
}

std::uint64_t read(const std::uint64_t* words, std::size_t count) { return avx512_vnni::kLimits.read(words, count); }

std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  const Tile rows = rows_of(a);
  const Tile columns = columns_of(b);
  Tile sums[kTiles];
  publish_to_tiles();
  _tile_loadconfig(&kShapes);
  _tile_loadd(4, rows.lines, 64);
  _tile_loadd(5, columns.lines, 64);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::size_t round = 0; round < rounds; ++round) {
    _tile_dpbusd(0, 4, 5);
    _tile_dpbusd(1, 4, 5);
    _tile_dpbusd(2, 4, 5);
    _tile_dpbusd(3, 4, 5);
  }
  _tile_stored(0, sums[0].lines, 64);
  _tile_stored(1, sums[1].lines, 64);
  _tile_stored(2, sums[2].lines, 64);
  _tile_stored(3, sums[3].lines, 64);
  _tile_release();
  std::uint32_t total = 0;
  for (const Tile& tile : sums) total += total_of(tile);
  return static_cast<std::int32_t>(total);
}

}  // namespace

const Limits kLimits = {read, multiply, kTiles* kSumsOfTile};

}  // namespace linnet::kernels::amx_int8
