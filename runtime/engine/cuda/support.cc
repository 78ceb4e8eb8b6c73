#include "runtime/engine/cuda/support.h"

#include <type_traits>
#include <variant>

#include "kernels/cuda/launch.h"
#include "runtime/engine/cuda/step_inputs.h"

namespace linnet::engine::cuda {
namespace {

namespace gpu = kernels::cuda;

using Fault = std::optional<std::string>;

// One overload an operation: what of it has no kernel.
class Check {
 public:
  Check(const models::Program& program, const Weights& weights) : program_(program), weights_(weights) {}

  Fault operator()(const models::Route&) const { return "experts"; }
  Fault operator()(const models::ExpertMatMul&) const { return "experts"; }
  Fault operator()(const models::Combine&) const { return "experts"; }
  Fault operator()(const models::HeadMatMul&) const { return "latent attention"; }
  Fault operator()(const models::ShortConvolution&) const { return "recurrent layers"; }
  Fault operator()(const models::GatedDelta&) const { return "recurrent layers"; }

  Fault operator()(const models::MatMul& op) const {
    for (const models::Projection& projection : op.projections) {
      const auto& weight = program_.weights[static_cast<std::size_t>(projection.weight)];
      const WeightView& view = weights_.view(projection.weight);
      if (weight.groups != 1 || weight.cut) return "a matrix that is a part of tensor '" + weight.name + "'";
      if (gpu::format_place(view.format) == gpu::kKernelCount) {
        return "matrices in " + std::string(kernels::info(view.format).name);
      }
    }
    return {};
  }

  Fault operator()(const models::Attend& op) const {
    const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
    if (state.values_in_keys || !op.value) return "latent attention";
    if (op.sinks) return "attention sinks";
    if (state.key_width <= gpu::kLargestHead && state.value_width <= gpu::kLargestHead) return {};
    return "attention heads of more than " + std::to_string(gpu::kLargestHead) + " numbers";
  }

  Fault operator()(const models::Embed&) const { return {}; }
  Fault operator()(const models::Add&) const { return {}; }
  Fault operator()(const models::RmsNorm&) const { return {}; }
  Fault operator()(const models::LayerNorm&) const { return {}; }
  Fault operator()(const models::Rotate&) const { return {}; }
  Fault operator()(const models::SiluMultiply&) const { return {}; }
  Fault operator()(const models::Gelu&) const { return {}; }
  Fault operator()(const models::SelectOutputs&) const { return {}; }
  template <class Other>  // UnitNorm, Split, SigmoidMultiply, ClampedSwiglu.
  Fault operator()(const Other&) const {
    return "operations of this kind";
  }

 private:
  const models::Program& program_;
  const Weights& weights_;
};

}  // namespace

std::optional<std::string> unsupported(const models::Program& program, const Weights& weights) {
  if (mixes_masks(program)) return "two kinds of attention masks in one model have no CUDA kernel yet";
  for (const models::Step& step : program.steps) {
    if (const auto fault = std::visit(Check(program, weights), step.operation)) {
      return *fault + " ('" + step.name + "') have no CUDA kernel yet";
    }
  }
  return {};
}

}  // namespace linnet::engine::cuda
