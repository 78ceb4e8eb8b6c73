#include "models/quantize/sensitivity.h"

#include <algorithm>
#include <array>
#include <vector>

#include "models/quantize/budget.h"
#include "models/quantize/parallel.h"
#include "models/quantize/tensor_coder.h"

namespace linnet::quantize {
namespace {

using gguf::Tensor;
using gguf::TensorType;

// What a matrix may be raised to, by bytes.
constexpr std::array<TensorType, 3> kRaised = {TensorType::kQ5_0, TensorType::kQ8_0, TensorType::kF16};
constexpr std::size_t kSampledRows = 256;

std::uint64_t bytes_of(const Tensor& tensor, TensorType type, std::uint64_t alignment) {
  const auto& info = gguf::info(type);
  const std::uint64_t bytes = tensor.weights() / info.block_weights * info.block_bytes;
  return (bytes + alignment - 1) / alignment * alignment;
}

// The relative squared error of rows spread over the tensor, each column weighted by its moment.
double cost_of(const Tensor& tensor, TensorType type, std::span<const float> moments) {
  const TensorCoder coder(tensor, type, {}, {.moments = moments});
  const std::size_t stride = std::max<std::size_t>(1, coder.rows() / kSampledRows);
  std::vector<float> before(coder.columns());
  std::vector<float> after(coder.columns());
  std::vector<std::byte> coded(coder.row_bytes());
  double energy = 0;
  double lost = 0;
  for (std::size_t row = 0; row < coder.rows(); row += stride) {
    coder.load(row, before);
    (void)coder.code(row, 1, coded.data());
    coder.decode(coded.data(), after);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double weight = moments.empty() ? 1.0 : double{moments[i]};
      const double difference = double{before[i]} - double{after[i]};
      energy += weight * double{before[i]} * double{before[i]};
      lost += weight * difference * difference;
    }
  }
  return energy > 0 ? lost / energy : 0.0;
}

// The type it has, and the larger ones.
std::vector<TensorType> types_from(TensorType least) {
  const auto bits = [](TensorType type) {
    return static_cast<double>(gguf::info(type).block_bytes) / gguf::info(type).block_weights;
  };
  std::vector<TensorType> types = {least};
  for (const TensorType type : kRaised) {
    if (bits(type) > bits(least)) types.push_back(type);
  }
  return types;
}

std::vector<Size> sizes_of(const gguf::Reader& file, const Tensor& tensor, TensorType least,
                           const InputStatistics* statistics) {
  std::span<const float> moments;
  if (statistics != nullptr) {
    if (const auto input = statistics->input_of(tensor.name)) moments = statistics->moments(*input);
  }
  std::vector<Size> sizes;
  for (const TensorType type : types_from(least)) {
    sizes.push_back({bytes_of(tensor, type, file.alignment()), cost_of(tensor, type, moments)});
  }
  return sizes;
}

}  // namespace

void raise_types(const gguf::Reader& file, std::uint64_t spare, const InputStatistics* statistics, unsigned threads,
                 std::span<Target> targets) {
  std::vector<std::size_t> raisable;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].is_matrix) raisable.push_back(i);
  }
  std::vector<std::vector<Size>> sizes(raisable.size());
  for_each_parallel(raisable.size(), threads, [&](std::size_t i) {
    sizes[i] = sizes_of(file, file.tensors()[raisable[i]], targets[raisable[i]].type, statistics);
  });
  std::uint64_t least_bytes = 0;
  for (const auto& tensor : sizes) least_bytes += tensor.front().bytes;
  const auto chosen = spend(sizes, least_bytes + spare);
  for (std::size_t i = 0; i < raisable.size(); ++i) {
    if (chosen[i] == 0) continue;
    Target& target = targets[raisable[i]];
    target.type = types_from(target.type)[chosen[i]];
    target.note = "raised: the budget of bytes saves most here";
  }
}

}  // namespace linnet::quantize
