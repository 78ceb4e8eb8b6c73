// Memory of the processor that the device copies from and to: one pinned block.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/engine/cuda/driver.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// Where each part lies in the block, in bytes.
struct PinnedLayout {
  std::size_t inputs = 0;
  std::vector<std::size_t> looked_up;  // One a step of the program: [rows, stride] floats of a table; kNone where none.
  std::size_t logits = 0;
  std::size_t bytes = 0;

  static constexpr std::size_t kNone = ~std::size_t{0};

  [[nodiscard]] static PinnedLayout of(const Setup& setup);
};

// Owns the block.
class PinnedMap {
 public:
  // Errors: kExhausted.
  [[nodiscard]] static Result<PinnedMap> reserve(const Driver& driver, const Setup& setup);

  [[nodiscard]] std::byte* inputs() const { return base() + layout_.inputs; }
  [[nodiscard]] float* logits() const { return reinterpret_cast<float*>(base() + layout_.logits); }

  // Where the rows go that step `step` of the program looks up in a table that the device does not have; null where the
  // device looks them up itself, or nothing.
  [[nodiscard]] float* looked_up(std::size_t step) const {
    const std::size_t offset = layout_.looked_up[step];
    return offset == PinnedLayout::kNone ? nullptr : reinterpret_cast<float*>(base() + offset);
  }

 private:
  [[nodiscard]] std::byte* base() const { return static_cast<std::byte*>(memory_.get()); }

  PinnedLayout layout_;
  PinnedMemory memory_;
};

}  // namespace linnet::engine::cuda
