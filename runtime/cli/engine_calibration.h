// Calibration by our own engine: runs windows of tokens through the float model and shows every product's input.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/quantize/calibration.h"
#include "runtime/cli/console.h"
#include "runtime/cli/open_model.h"
#include "runtime/engine/engine.h"
#include "runtime/text/tokenizer.h"

namespace linnet::cli {

// Opens an engine for each run and closes it again, so that its memory is free while matrices are quantised.
class EngineCalibration final : public quantize::Calibration {
 public:
  // Borrows the file and the console. `threads` 0: one a core. Errors: those of Engine::plan (a model that no engine
  // runs cannot be calibrated).
  [[nodiscard]] static Result<std::unique_ptr<EngineCalibration>> create(
      const ModelFile& file, std::vector<std::vector<text::TokenId>> windows, std::size_t threads,
      const Console& console);

  [[nodiscard]] const models::Program& program() const override { return program_; }
  [[nodiscard]] Result<void> run(quantize::ShowInput show) override;

 private:
  EngineCalibration(const ModelFile& file, std::vector<std::vector<text::TokenId>> windows, std::size_t threads,
                    const Console& console, Machine machine);
  [[nodiscard]] Result<engine::Engine> open() const;

  const ModelFile& file_;
  std::vector<std::vector<text::TokenId>> windows_;
  std::size_t threads_;
  const Console& console_;
  Machine machine_;
  models::Program program_;
};

}  // namespace linnet::cli
