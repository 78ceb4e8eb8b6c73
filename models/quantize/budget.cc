#include "models/quantize/budget.h"

#include <queue>

namespace linnet::quantize {
namespace {

// The best next size of one tensor.
struct Step {
  double saved_a_byte = 0;
  std::size_t tensor = 0;
  std::size_t to = 0;
  std::uint64_t bytes = 0;

  [[nodiscard]] bool operator<(const Step& other) const {
    return saved_a_byte != other.saved_a_byte ? saved_a_byte < other.saved_a_byte : tensor > other.tensor;
  }
};

// From size `from` on, the larger size that saves most a byte; saves nothing where there is none.
Step best_step(const std::vector<Size>& sizes, std::size_t tensor, std::size_t from, std::uint64_t left) {
  Step best{.tensor = tensor};
  for (std::size_t to = from + 1; to < sizes.size(); ++to) {
    const std::uint64_t bytes = sizes[to].bytes - sizes[from].bytes;
    if (bytes > left) break;
    const double saved = (sizes[from].cost - sizes[to].cost) / static_cast<double>(bytes == 0 ? 1 : bytes);
    if (saved > best.saved_a_byte) best = {saved, tensor, to, bytes};
  }
  return best;
}

}  // namespace

std::vector<std::size_t> spend(std::span<const std::vector<Size>> tensors, std::uint64_t bytes) {
  std::vector<std::size_t> chosen(tensors.size(), 0);
  std::uint64_t spent = 0;
  for (const auto& sizes : tensors) spent += sizes.front().bytes;
  std::uint64_t left = bytes > spent ? bytes - spent : 0;
  std::priority_queue<Step> steps;
  const auto offer = [&](std::size_t tensor) {
    const Step step = best_step(tensors[tensor], tensor, chosen[tensor], left);
    if (step.saved_a_byte > 0) steps.push(step);
  };
  for (std::size_t i = 0; i < tensors.size(); ++i) offer(i);
  while (!steps.empty()) {
    const Step step = steps.top();
    steps.pop();
    if (step.bytes > left) {
      offer(step.tensor);  // A smaller step may still fit.
      continue;
    }
    left -= step.bytes;
    chosen[step.tensor] = step.to;
    offer(step.tensor);
  }
  return chosen;
}

}  // namespace linnet::quantize
