// The logits of every position of a sequence, step by step.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/open_model.h"

namespace linnet::cli {

// Called with a position and its logits [vocabulary].
using UseLogits = FunctionRef<Result<void>(std::size_t position, std::span<const float> logits)>;

// What for_each_logits() needs of an engine for sequences of up to `context` tokens.
[[nodiscard]] EngineNeeds needs_of_all_logits(std::size_t context);

// Computes `tokens` as one new sequence and gives it up again. Errors: those of Engine::step and `use`, kInterrupted.
[[nodiscard]] Result<void> for_each_logits(engine::Engine& engine, std::span<const engine::TokenId> tokens,
                                           const Console& console, UseLogits use);

}  // namespace linnet::cli
