#include "runtime/engine/step_cost.h"

#include <algorithm>
#include <variant>

#include "runtime/engine/kv_cache.h"
#include "runtime/engine/memory_plan.h"
#include "runtime/engine/workspace.h"

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
    const InputRounding rounding = input_rounding(op.projections, op.terms, weights_);
    for (const models::Projection& projection : op.projections) {
      const WeightView& matrix = weights_.view(projection.weight);
      cost_.weight_bytes += matrix.data.size();
      cost_.multiply_adds += count * (matrix.quantised() ? rounding.terms : 1) * matrix.rows * matrix.columns;
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
    const std::size_t position_numbers = page_numbers(cache, rows_.format) / kPagePositions;
    for (const BatchRow& row : rows_.batch) {
      const std::uint64_t seen = row.position + 1;
      cost_.cache_bytes += (seen + 1) * position_numbers * sizeof(std::uint16_t);
      cost_.multiply_adds += seen * op.heads * (cache.key_width + cache.value_width);
    }
  }

  // Rows of one sequence behind each other find the state in the processor's cache.
  void operator()(const models::ShortConvolution& op) const {
    const auto& taps = weights_.view(op.weight);
    cost_.weight_bytes += taps.data.size();
    cost_.multiply_adds += rows_.batch.size() * taps.rows * taps.columns;
    add_state(op.state);
  }

  void operator()(const models::GatedDelta& op) const {
    add_state(op.state);
    cost_.multiply_adds += rows_.batch.size() * 2 * recurrent(op.state);
  }

  template <class Other>
  void operator()(const Other&) const {}

 private:
  [[nodiscard]] std::size_t recurrent(models::StateId id) const {
    return std::get<models::Recurrent>(program_.states[static_cast<std::size_t>(id)]).numbers;
  }

  void add_state(models::StateId id) const {
    std::size_t times = 0;
    for (std::size_t row = 0; row < rows_.batch.size(); ++row) {
      times += row == 0 || rows_.batch[row].sequence != rows_.batch[row - 1].sequence ? 1U : 0U;
    }
    cost_.cache_bytes += times * 2 * recurrent(id) * sizeof(float);
  }

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
