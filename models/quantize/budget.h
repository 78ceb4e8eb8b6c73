// Spends a budget of bytes on the tensors where it saves most error: a knapsack with several sizes a tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace linnet::quantize {

// One size that a tensor may take.
struct Size {
  std::uint64_t bytes = 0;
  double cost = 0;  // What the tensor's error is reckoned at.
};

// For each tensor the index of its size, so that all fit `bytes` together. Sizes ascend in bytes. Begins with every
// first size (those alone may exceed the budget) and takes, while it fits, the step that saves most cost a byte; sizes
// that a straight line between two others beats are never taken. Within one step of the optimum.
[[nodiscard]] std::vector<std::size_t> spend(std::span<const std::vector<Size>> tensors, std::uint64_t bytes);

}  // namespace linnet::quantize
