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

std::vector<BufferId> projection_outputs(const MatMul& op, bool accumulated_only) {
  std::vector<BufferId> buffers;
  for (const Projection& projection : op.projections) {
    if (projection.accumulate || !accumulated_only) buffers.push_back(projection.out);
  }
  return buffers;
}

std::vector<BufferId> matmul_reads(const MatMul& op) {
  std::vector<BufferId> buffers = projection_outputs(op, true);
  buffers.push_back(op.in);
  return buffers;
}

}  // namespace

std::vector<BufferId> reads(const Operation& operation) {
  using List = std::vector<BufferId>;
  return std::visit(
      Overloaded{[](const Embed&) { return List{}; },
                 [](const Add& op) {
                   return List{op.other, op.in_out};
                 },
                 [](const RmsNorm& op) { return List{op.in}; }, [](const LayerNorm& op) { return List{op.in}; },
                 [](const Gelu& op) { return List{op.in_out}; }, [](const MatMul& op) { return matmul_reads(op); },
                 [](const Rotate& op) { return List{op.in_out}; },
                 [](const Attend& op) {
                   return List{op.query, op.key, op.value};
                 },
                 [](const SiluMultiply& op) {
                   return List{op.gate, op.up};
                 },
                 [](const SelectOutputs& op) { return List{op.in}; }},
      operation);
}

std::vector<BufferId> writes(const Operation& operation) {
  using List = std::vector<BufferId>;
  return std::visit(
      Overloaded{[](const Embed& op) { return List{op.out}; }, [](const Add& op) { return List{op.in_out}; },
                 [](const RmsNorm& op) { return List{op.out}; }, [](const LayerNorm& op) { return List{op.out}; },
                 [](const Gelu& op) { return List{op.in_out}; },
                 [](const MatMul& op) { return projection_outputs(op, false); },
                 [](const Rotate& op) { return List{op.in_out}; }, [](const Attend& op) { return List{op.out}; },
                 [](const SiluMultiply& op) { return List{op.out}; },
                 [](const SelectOutputs& op) { return List{op.out}; }},
      operation);
}

}  // namespace linnet::models
