// What a machine's limits and memory promise of models of the usual sizes: fits or not, how fast, how long a context.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/units.h"
#include "runtime/limits/limits.h"
#include "runtime/limits/model_size.h"

namespace linnet::limits {

inline constexpr std::size_t kAdvisedContext = 4096;  // That "fits" is said of.

struct Advice {
  const ModelSize* model = nullptr;
  WeightBits bits = WeightBits::kInt4;
  Bytes needed{};                             // With kAdvisedContext positions.
  std::optional<bool> fits{};                 // Absent where it is not known what is available.
  std::optional<std::size_t> longest{};       // Positions that fit, in pages of 256, at most the model's own; 0: none.
  std::optional<double> tokens_per_second{};  // Decoding one sequence; absent where nothing was measured.
};

// Two rows a size, INT4 and INT8. `limits` may be null.
[[nodiscard]] std::vector<Advice> advise(std::optional<Bytes> available, std::size_t threads,
                                         const MachineLimits* limits);

// A line for who was refused: the largest of the usual models that would fit with kAdvisedContext positions, or that
// none would. "of the usual sizes 3B at INT4 would fit".
[[nodiscard]] std::string what_would_fit(Bytes available, std::size_t threads);

// Decoding one sequence at a short context: the weights that a token reads at the rate at which this machine's kernels
// go through them, and what each operation costs beside.
[[nodiscard]] double expected_tokens_per_second(const ModelSize& model, WeightBits bits, const MachineLimits& limits);

}  // namespace linnet::limits
