// Measures the inputs of a model's products by running the calibration texts. Private to models/quantize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/quantize/calibration.h"
#include "models/quantize/gram.h"
#include "models/quantize/linear_inputs.h"
#include "runtime/base/result.h"

namespace linnet::quantize {

// Every later token attends to a text's first one (the attention sink), and what it brings lies in directions that few
// others use: counted once in 512 rows, error feedback moves the others' errors there. SmolLM2-135M in Q4_0 is 0.143
// from the float model so, and 0.111 where it counts this often (docs/quantisation.md).
inline constexpr float kFirstTokenWeight = 64.0F;

class InputStatistics {
 public:
  explicit InputStatistics(Calibration& calibration);

  [[nodiscard]] const models::Program& program() const { return calibration_.program(); }
  [[nodiscard]] const std::vector<LinearInput>& inputs() const { return inputs_; }
  // The input that a tensor is multiplied with, by index; nothing where it is none, or was never shown rows.
  [[nodiscard]] std::optional<std::size_t> input_of(std::string_view tensor) const;

  // One run: sums of squares of every column of every input, [width] each. Small: 4 bytes a column.
  [[nodiscard]] Result<void> measure_moments();
  [[nodiscard]] std::span<const float> moments(std::size_t input) const { return moments_[input]; }

  // The inputs cut into groups whose Gram matrices take at most `memory` bytes together, one input a group at least.
  [[nodiscard]] std::vector<std::vector<std::size_t>> groups(std::uint64_t memory) const;
  // One run: the Gram matrices of a group, in its order.
  [[nodiscard]] Result<std::vector<Gram>> measure(std::span<const std::size_t> group);

 private:
  Calibration& calibration_;
  std::vector<LinearInput> inputs_;
  std::unordered_map<std::string, std::size_t> by_weight_;
  std::unordered_map<std::size_t, std::size_t> by_step_;
  std::vector<std::vector<float>> moments_;
};

}  // namespace linnet::quantize
