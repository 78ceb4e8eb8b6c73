// What a program multiplies by what: the inputs that calibration measures, and the weights that read each.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "models/program.h"

namespace linnet::quantize {

// The input of one MatMul.
struct LinearInput {
  std::size_t step = 0;   // Of the program.
  std::size_t width = 0;  // Numbers a row.
  std::vector<std::string> weights;
};

// In the order of the program. A weight that several operations multiply belongs to the first of them.
[[nodiscard]] std::vector<LinearInput> linear_inputs(const models::Program& program);

// Where the columns of a MatMul's weights may be multiplied by any factors s without changing the model: what makes its
// input is divided by s instead.
struct Fold {
  std::size_t input = 0;                 // Index in linear_inputs(): the weights whose columns are multiplied.
  std::string producer;                  // The norm's weights, or the matrix whose rows are divided.
  std::optional<std::string> bias = {};  // Of that matrix: divided too.
};

// Every place where the program allows that exactly: behind an RMSNorm of whole rows, and behind the `up` half of a
// gated product. Producer and input must be nobody else's.
[[nodiscard]] std::vector<Fold> find_folds(const models::Program& program, const std::vector<LinearInput>& inputs);

}  // namespace linnet::quantize
