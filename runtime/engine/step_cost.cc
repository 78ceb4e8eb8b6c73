#include "runtime/engine/step_cost.h"

#include <algorithm>
#include <variant>

namespace linnet::engine {
namespace {

// One overload an operation that reads weights or the cache; the rest cost time alone.
class Coster {
 public:
  Coster(StepCost& cost, const models::Program& program, const Weights& weights, const StepRows& rows)
      : cost_(cost), program_(program), weights_(weights), rows_(rows) {}

  void operator()(const models::Embed& op) const {
    const WeightView& table = weights_.view(op.table);
    cost_.weight_bytes += rows_.batch.size() * (table.data.size() / table.rows);
  }

  void operator()(const models::MatMul& op) const {
    const bool tokens = program_.buffers[static_cast<std::size_t>(op.in)].rows == models::RowsOf::kTokens;
    const std::size_t count = tokens ? rows_.batch.size() : rows_.outputs;
    if (count == 0) return;
    for (const models::Projection& projection : op.projections) {
      const WeightView& matrix = weights_.view(projection.weight);
      cost_.weight_bytes += matrix.data.size();
      cost_.multiply_adds += count * matrix.rows * matrix.columns;
    }
  }

  // At most: rows that choose the same expert read it once.
  void operator()(const models::ExpertMatMul& op) const {
    const std::size_t chosen = program_.buffers[static_cast<std::size_t>(op.experts)].width;
    for (const models::Projection& projection : op.projections) add_grouped(projection, chosen);
  }

  void operator()(const models::HeadMatMul& op) const {
    add_grouped(op.projection, weights_.view(op.projection.weight).groups);
  }

  void operator()(const models::Attend& op) const {
    const auto& cache = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
    for (const BatchRow& row : rows_.batch) {
      const std::uint64_t seen = row.position + 1;
      cost_.cache_bytes += (seen + 1) * cache.kv_heads * cache.kept_width() * sizeof(std::uint16_t);
      cost_.multiply_adds += seen * op.heads * (cache.key_width + cache.value_width);
    }
  }

  template <class Other>
  void operator()(const Other&) const {}

 private:
  void add_grouped(const models::Projection& projection, std::size_t parts_a_row) const {
    const WeightView& matrices = weights_.view(projection.weight);
    const std::size_t parts = rows_.batch.size() * parts_a_row;
    cost_.weight_bytes += matrices.data.size() / matrices.groups * std::min(parts, matrices.groups);
    cost_.multiply_adds += parts * matrices.rows * matrices.columns;
  }

  StepCost& cost_;
  const models::Program& program_;
  const Weights& weights_;
  const StepRows& rows_;
};

}  // namespace

void add_cost(StepCost& cost, const models::Operation& operation, const models::Program& program,
              const Weights& weights, const StepRows& rows) {
  std::visit(Coster(cost, program, weights, rows), operation);
  ++cost.calls;
}

}  // namespace linnet::engine
