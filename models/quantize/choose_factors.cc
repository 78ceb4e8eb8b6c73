#include "models/quantize/choose_factors.h"

#include <algorithm>
#include <optional>
#include <string>

#include "models/pack/layout.h"
#include "models/quantize/parallel.h"
#include "models/quantize/tensor_coder.h"

namespace linnet::quantize {
namespace {

constexpr std::size_t kSampledRows = 128;  // Of each matrix.

std::optional<ScalingSample> sample_of(const gguf::Tensor& tensor, const Target& target) {
  const auto search = symmetric_format(*pack::kept_format(target.type));
  if (!search) return std::nullopt;
  const TensorCoder coder(tensor, target.type, {}, {});
  const std::size_t stride = std::max<std::size_t>(1, coder.rows() / kSampledRows);
  ScalingSample sample{*search, {}};
  for (std::size_t row = 0; row < coder.rows(); row += stride) {
    sample.rows.resize(sample.rows.size() + coder.columns());
    coder.load(row, std::span(sample.rows).last(coder.columns()));
  }
  return sample;
}

std::vector<float> inverse_of(std::vector<float> factors) {
  for (float& factor : factors) factor = 1.0F / factor;
  return factors;
}

class FactorChoice {
 public:
  FactorChoice(const gguf::Reader& file, std::span<const Target> targets, const InputStatistics& statistics)
      : file_(file), targets_(targets), statistics_(statistics) {}

  // Empty where the fold is left out or no factors are better.
  [[nodiscard]] std::vector<float> search(const Fold& fold) const {
    std::vector<ScalingSample> samples;
    for (const std::string& name : statistics_.inputs()[fold.input].weights) {
      const auto* tensor = file_.find_tensor(name);
      if (tensor == nullptr) return {};
      auto sample = sample_of(*tensor, targets_[static_cast<std::size_t>(tensor - file_.tensors().data())]);
      if (!sample) return {};
      samples.push_back(*std::move(sample));
    }
    if (!takes_factors(fold.producer) || (fold.bias && !takes_factors(*fold.bias))) return {};
    return search_factors(samples, statistics_.moments(fold.input));
  }

  // Notes what a fold's factors do to each tensor.
  void enter(const Fold& fold, const std::vector<float>& factors, FactorsByName& names) const {
    for (const std::string& name : statistics_.inputs()[fold.input].weights) names[name].columns = factors;
    const auto inverse = inverse_of(factors);
    const bool is_vector = file_.find_tensor(fold.producer)->rank == 1;
    (is_vector ? names[fold.producer].columns : names[fold.producer].rows) = inverse;
    if (fold.bias) names[*fold.bias].columns = inverse;
  }

 private:
  // Whether it is there and its own error is not its input's business: a float, or a matrix that is rounded anyway.
  [[nodiscard]] bool takes_factors(const std::string& name) const { return file_.find_tensor(name) != nullptr; }

  const gguf::Reader& file_;
  std::span<const Target> targets_;
  const InputStatistics& statistics_;
};

}  // namespace

FactorsByName choose_factors(const gguf::Reader& file, std::span<const Target> targets,
                             const InputStatistics& statistics, unsigned threads) {
  const auto folds = find_folds(statistics.program(), statistics.inputs());
  const FactorChoice choice(file, targets, statistics);
  std::vector<std::vector<float>> found(folds.size());
  for_each_parallel(folds.size(), threads, [&](std::size_t i) { found[i] = choice.search(folds[i]); });
  FactorsByName names;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (!found[i].empty()) choice.enter(folds[i], found[i], names);
  }
  return names;
}

}  // namespace linnet::quantize
