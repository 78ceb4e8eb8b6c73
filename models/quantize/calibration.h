// Where calibrated quantisation gets the layers' inputs from: somebody runs texts through the float model and shows
// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/program.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/base/tensor_view.h"

namespace linnet::quantize {

// Which rows of the input are shown: kTextStart where the first is that of a text's first token.
enum class Rows : std::uint8_t { kTextStart, kInside };

// Shown the input of the MatMul that is step `step` of the program: [rows, width], valid during the call.
using ShowInput = FunctionRef<void(std::size_t step, ConstTensorView in, Rows rows)>;

class Calibration {
 public:
  virtual ~Calibration() = default;

  // The program of the model that is quantised; lives as long as this does.
  [[nodiscard]] virtual const models::Program& program() const = 0;

  // Runs every calibration text through the float model, the same way each time; called once a group of matrices.
  // Errors: the model's and the texts' own, kInterrupted.
  [[nodiscard]] virtual Result<void> run(ShowInput show) = 0;
};

}  // namespace linnet::quantize
