#include "runtime/engine/cuda/device_arena.h"

#include <cassert>
#include <numeric>
#include <string>

namespace linnet::engine::cuda {

ChunkLayout::Place ChunkLayout::take(std::size_t bytes) {
  const std::size_t size = (bytes + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
  if (chunks_.empty() || chunks_.back() + size > kChunk) chunks_.push_back(0);
  const Place place{chunks_.size() - 1, chunks_.back()};
  chunks_.back() += size;
  return place;
}

Bytes ChunkLayout::total() const { return Bytes{std::accumulate(chunks_.begin(), chunks_.end(), std::uint64_t{0})}; }

Result<DeviceArena> DeviceArena::reserve(const Driver& driver, const ChunkLayout& plan) {
  DeviceArena arena;
  Bytes reserved;
  for (const std::size_t bytes : plan.chunks()) {
    DeviceAddress address = 0;
    const std::string doing = "reserving " + to_string(Bytes{bytes}) + " after " + to_string(reserved) + " of " +
                              to_string(plan.total()) + " of its memory";
    LINNET_CHECK(driver.check(driver->allocate(&address, bytes), doing));
    arena.chunks_.emplace_back(driver, address);
    reserved += Bytes{bytes};
  }
  return arena;
}

DeviceAddress DeviceArena::take(std::size_t bytes) {
  const ChunkLayout::Place place = taken_.take(bytes);
  assert(place.chunk < chunks_.size());
  return chunks_[place.chunk].get() + place.offset;
}

}  // namespace linnet::engine::cuda
