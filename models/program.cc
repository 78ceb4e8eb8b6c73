#include "models/program.h"

#include <algorithm>

namespace linnet::models {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not deduce aggregates by itself.

std::vector<BufferId> projection_outputs(const std::vector<Projection>& projections, bool accumulated_only) {
  std::vector<BufferId> buffers;
  for (const Projection& projection : projections) {
    if (projection.accumulate || !accumulated_only) buffers.push_back(projection.out);
  }
  return buffers;
}

std::vector<BufferId> matmul_reads(const MatMul& op) {
  std::vector<BufferId> buffers = projection_outputs(op.projections, true);
  buffers.push_back(op.in);
  return buffers;
}

}  // namespace

std::vector<BufferId> reads(const Operation& operation) {
  using List = std::vector<BufferId>;
  return std::visit(Overloaded{[](const Embed&) { return List{}; },
                               [](const Add& op) {
                                 return List{op.other, op.in_out};
                               },
                               [](const RmsNorm& op) { return List{op.in}; },
                               [](const LayerNorm& op) { return List{op.in}; },
                               [](const UnitNorm& op) { return List{op.in_out}; },
                               [](const Split& op) { return List{op.in}; },
                               [](const Gelu& op) { return List{op.in_out}; },
                               [](const MatMul& op) { return matmul_reads(op); },
                               [](const Rotate& op) { return List{op.in_out}; },
                               [](const Attend& op) {
                                 List buffers{op.query, op.key};
                                 if (op.value) buffers.push_back(*op.value);
                                 return buffers;
                               },
                               [](const ShortConvolution& op) { return List{op.in_out}; },
                               [](const GatedDelta& op) {
                                 return List{op.mixed, op.decay, op.rate};
                               },
                               [](const Route& op) { return List{op.scores}; },
                               [](const ExpertMatMul& op) {
                                 return List{op.in, op.experts};
                               },
                               [](const Combine& op) {
                                 return List{op.parts, op.gates, op.in_out};
                               },
                               [](const HeadMatMul& op) { return List{op.in}; },
                               [](const SiluMultiply& op) {
                                 return List{op.gate, op.up};
                               },
                               [](const SigmoidMultiply& op) {
                                 return List{op.gate, op.in_out};
                               },
                               [](const ClampedSwiglu& op) {
                                 return List{op.gate, op.up};
                               },
                               [](const SelectOutputs& op) { return List{op.in}; }},
                    operation);
}

std::vector<BufferId> writes(const Operation& operation) {
  using List = std::vector<BufferId>;
  return std::visit(Overloaded{[](const Embed& op) { return List{op.out}; },
                               [](const Add& op) { return List{op.in_out}; },
                               [](const RmsNorm& op) { return List{op.out}; },
                               [](const LayerNorm& op) { return List{op.out}; },
                               [](const Gelu& op) { return List{op.in_out}; },
                               [](const UnitNorm& op) { return List{op.in_out}; },
                               [](const Split& op) {
                                 return List{op.first, op.second};
                               },
                               [](const MatMul& op) { return projection_outputs(op.projections, false); },
                               [](const ShortConvolution& op) { return List{op.in_out}; },
                               [](const GatedDelta& op) { return List{op.out}; },
                               [](const Rotate& op) { return List{op.in_out}; },
                               [](const Attend& op) { return List{op.out}; },
                               [](const Route& op) {
                                 return List{op.scores, op.experts, op.gates};
                               },
                               [](const ExpertMatMul& op) { return projection_outputs(op.projections, false); },
                               [](const Combine& op) { return List{op.in_out}; },
                               [](const HeadMatMul& op) { return List{op.projection.out}; },
                               [](const SiluMultiply& op) { return List{op.out}; },
                               [](const SigmoidMultiply& op) { return List{op.in_out}; },
                               [](const ClampedSwiglu& op) { return List{op.out}; },
                               [](const SelectOutputs& op) { return List{op.out}; }},
                    operation);
}

}  // namespace linnet::models
