// Whether the kernels on a GPU can compute a model.
#pragma once

#include <optional>
#include <string>

#include "models/program.h"
#include "runtime/engine/weights.h"

namespace linnet::engine::cuda {

// The first thing of the model that no kernel computes, as one line; nothing where all of it can be.
[[nodiscard]] std::optional<std::string> unsupported(const models::Program& program, const Weights& weights);

}  // namespace linnet::engine::cuda
