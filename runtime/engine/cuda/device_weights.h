// How a device comes to a model's weights: it reads them where the file is mapped, or they are copied to it once.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/device_map.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// Whole pages, ascending, that hold all of `parts`; what lies close together is one range, so that none overlap.
[[nodiscard]] std::vector<std::span<const std::byte>> page_ranges(std::vector<std::span<const std::byte>> parts);

// The file's pages as the device sees them: pinned while this lives.
class MappedWeights {
 public:
  // Registers the pages of the setup's matrices. Errors: those of the driver, where it does not take such a mapping;
  // nothing is registered then.
  [[nodiscard]] static Result<MappedWeights> map(const Driver& driver, const Setup& setup);

  // Where the device sees `data`, which lies in the matrices.
  [[nodiscard]] std::byte* address(const std::byte* data) const;

 private:
  struct Range {
    std::span<const std::byte> host;
    DeviceAddress device = 0;
    HostRegistration registration;
  };
  std::vector<Range> ranges_;
};

// Whether the device may read matrices where they lie: its memory is the machine's, and it takes read-only mappings.
[[nodiscard]] bool can_map(const DeviceFacts& facts);

// Copies the matrices that the map has places for, and every vector. Errors: those of the driver, kInterrupted.
[[nodiscard]] Result<void> copy_weights(Device& device, const Setup& setup, const DeviceMap& map, LoadWatcher* watcher);

// Lets go of the file's pages of the matrices, which nobody here reads any more. On memory of any kind this loses
// nothing; a kernel older than 5.4 keeps them.
void release_pages(const Setup& setup);

}  // namespace linnet::engine::cuda
