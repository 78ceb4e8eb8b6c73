#include "runtime/engine/step_cost.h"

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

  void operator()(const models::Attend& op) const {
    const auto& cache = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
    const std::size_t width = cache.key_width + cache.value_width;
    for (const BatchRow& row : rows_.batch) {
      const std::uint64_t seen = row.position + 1;
      cost_.cache_bytes += (seen + 1) * cache.kv_heads * width * sizeof(std::uint16_t);
      cost_.multiply_adds += seen * op.heads * width;
    }
  }

  template <class Other>
  void operator()(const Other&) const {}

 private:
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
