// The memory on a device that a model is planned to take: reserved at once, in chunks, before anything else runs.
//
// In chunks because single allocations of gigabytes fail on recent Jetson releases where the same bytes in pieces do
// not. Nothing is cut over two chunks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/engine/cuda/driver.h"

namespace linnet::engine::cuda {

inline constexpr std::size_t kDeviceAlignment = 256;  // As the driver aligns what it allocates.

// Where the pieces will lie. The same calls in the same order give the same places: once to plan, once to take.
class ChunkLayout {
 public:
  struct Place {
    std::size_t chunk = 0;
    std::size_t offset = 0;
  };

  // The next piece. What is larger than a chunk gets one for itself.
  Place take(std::size_t bytes);

  [[nodiscard]] std::span<const std::size_t> chunks() const { return chunks_; }  // Bytes of each.
  [[nodiscard]] Bytes total() const;

  static constexpr std::size_t kChunk = std::size_t{256} << 20;

 private:
  std::vector<std::size_t> chunks_;
};

// Owns the chunks of a planned layout.
class DeviceArena {
 public:
  // Errors: kExhausted, naming what was reserved before.
  [[nodiscard]] static Result<DeviceArena> reserve(const Driver& driver, const ChunkLayout& plan);

  // The address of the next piece, which the plan has foreseen.
  [[nodiscard]] DeviceAddress take(std::size_t bytes);

 private:
  std::vector<DeviceMemory> chunks_;
  ChunkLayout taken_;
};

}  // namespace linnet::engine::cuda
