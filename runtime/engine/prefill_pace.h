// How many rows of prompts may join a step of running answers, by what steps have cost on this machine.
//
// Decoding waits for memory, so that a few rows more cost little; how little depends on the board, the model and the
// batch, and changes as a board throttles. So it is measured: a step of the answers alone tells what they wait without
// prompts, and each step with prompts what a row of those adds.
#pragma once

#include <cstddef>
#include <vector>

namespace linnet::engine {

class PrefillPace {
 public:
  // How much longer a step may take for the prompts in it. Promised is 2; steps of one size do not all take one time.
  static constexpr double kSlowdown = 1.75;
  // Steps with prompts in a row before one without is measured again.
  static constexpr std::size_t kStepsBetweenLooks = 32;

  // For steps of at most so many decoding rows.
  explicit PrefillPace(std::size_t most_decoding) : alone_(most_decoding + 1, 0.0) {}

  // Rows of prompts that may join so many of answers, at least one; 0: such a step alone comes first, as a look.
  [[nodiscard]] std::size_t rows_beside(std::size_t decoding) const;

  // What a step took.
  void note(std::size_t decoding, std::size_t prompts, double milliseconds);

 private:
  std::vector<double> alone_;  // Milliseconds of a step by its decoding rows; 0: not seen yet.
  double row_ = 0;             // What a row of a prompt adds; 0: not seen yet.
  std::size_t last_ = 0;       // Rows of prompts of the last step that had both.
  std::size_t since_look_ = 0;
};

}  // namespace linnet::engine
