// Lets the generators of one engine advance by common steps: each weight is read once for all of them.
//
// Who decodes has a row in every step. Prompts share what rows are left, as many as the running answers can bear
// (prefill_pace.h), in equal parts: a short prompt is not held up by a long one. No generator's bits depend on who else
// was there. Choosing a token reads a whole vocabulary: done for one after another it would leave the other threads
// waiting for as long as a small model's step takes.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/engine/generator.h"
#include "runtime/engine/prefill_pace.h"

namespace linnet::engine {

// Borrows the engine. Allocates nothing after its construction.
class SharedSteps {
 public:
  explicit SharedSteps(Engine& engine);

  // One step for all of them: at least one, at most as many as the engine gives rows of logits, none that has ended.
  // Errors: those of Engine::step.
  [[nodiscard]] Result<void> compute(std::span<Generator* const> generators);

  // Lets those of the last compute() whose prompts do not go on take their tokens (Generator::take), several at the
  // same time on the engine's threads: a constraint is asked on any of them. What one throws is thrown here.
  void take(std::span<Generator* const> generators);

  // Whether the generator of that number of the last compute() took a token, and what Generator::take gave. Valid until
  // the next compute().
  [[nodiscard]] bool took(std::size_t number) const { return !logits_[number].empty(); }
  [[nodiscard]] const Result<std::optional<Sampled>>& taken(std::size_t number) const { return taken_[number]; }

 private:
  std::size_t share_out(std::span<Generator* const> generators);

  Engine& engine_;
  PrefillPace pace_;
  std::vector<std::size_t> shares_;             // Rows of each generator of this step.
  std::vector<std::span<const float>> logits_;  // Of each generator of this step; empty where its prompt goes on.
  std::vector<Result<std::optional<Sampled>>> taken_;
  std::vector<std::exception_ptr> thrown_;
};

}  // namespace linnet::engine
