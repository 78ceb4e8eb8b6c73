#include "runtime/limits/advice.h"

#include <algorithm>

#include "runtime/engine/memory_plan.h"

namespace linnet::limits {
namespace {

// Beside its weights an operation costs time: norms, quantising, turns, attention at a short context, the last chunk
// that others wait for. Measured with linnet bench where one thread reads 16 GB/s (bench/RESULTS.md), and taken to grow
// as threads are slower.
constexpr double kOperationsALayer = 14;  // Of a Qwen2 layer.
constexpr double kOperationSeconds = 10e-6;
constexpr double kReferenceGbS = 16;

std::size_t longest_context(const ModelSize& model, WeightBits bits, std::size_t threads, Bytes available) {
  const Bytes fixed = model.fixed(bits, threads);
  if (available < fixed) return 0;
  const std::uint64_t page = model.cache_a_position().count * engine::kPagePositions;
  const std::uint64_t positions = (available.count - fixed.count) / page * engine::kPagePositions;
  return static_cast<std::size_t>(std::min(positions, model.context));
}

}  // namespace

double expected_tokens_per_second(const ModelSize& model, WeightBits bits, const MachineLimits& limits) {
  // Medians: on a machine that others use as well, the best of a second's repeats is not what a model gets.
  const double layers_rate =
      bits == WeightBits::kInt4 ? limits.int4_weights_gb_s.median : limits.int8_weights_gb_s.median;
  const double weights = static_cast<double>(model.layers_a_token(bits).count) / (layers_rate * 1e9) +
                         static_cast<double>(model.head(bits).count) / (limits.int8_weights_gb_s.median * 1e9);
  const double operations = kOperationsALayer * static_cast<double>(model.layers) * kOperationSeconds * kReferenceGbS /
                            limits.read.front().gb_s.median;
  return 1.0 / (weights + operations);
}

std::vector<Advice> advise(std::optional<Bytes> available, std::size_t threads, const MachineLimits* limits) {
  std::vector<Advice> rows;
  for (const ModelSize& model : model_sizes()) {
    for (const WeightBits bits : {WeightBits::kInt4, WeightBits::kInt8}) {
      Advice row{.model = &model, .bits = bits, .needed = model.needed(bits, threads, kAdvisedContext)};
      if (available) {
        row.fits = row.needed <= *available;
        row.longest = longest_context(model, bits, threads, *available);
      }
      if (limits != nullptr) row.tokens_per_second = expected_tokens_per_second(model, bits, *limits);
      rows.push_back(row);
    }
  }
  return rows;
}

std::string what_would_fit(Bytes available, std::size_t threads) {
  const std::vector<Advice> rows = advise(available, threads, nullptr);
  const Advice* largest = nullptr;
  for (const Advice& row : rows) {
    if (row.fits.value_or(false) && (largest == nullptr || row.needed > largest->needed)) largest = &row;
  }
  if (largest == nullptr) return "none of the usual sizes would fit, from 0.5B on";
  return "of the usual sizes " + std::string(largest->model->name) + " at " +
         (largest->bits == WeightBits::kInt4 ? "INT4" : "INT8") + " would fit (linnet doctor)";
}

}  // namespace linnet::limits
