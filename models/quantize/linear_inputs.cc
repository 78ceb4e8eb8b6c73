#include "models/quantize/linear_inputs.h"

#include <algorithm>
#include <unordered_set>

namespace linnet::quantize {
namespace {

using models::BufferId;
using models::Operation;
using models::Program;
using models::Projection;

template <class Id>
std::size_t index_of(Id id) {
  return static_cast<std::size_t>(id);
}

const std::string& name_of(const Program& program, models::WeightId id) { return program.weights[index_of(id)].name; }

bool contains(const std::vector<BufferId>& buffers, BufferId buffer) {
  return std::ranges::find(buffers, buffer) != buffers.end();
}

// The step whose result step `reader` finds in `buffer`, if no other step reads that result.
std::optional<std::size_t> sole_source(const Program& program, BufferId buffer, std::size_t reader) {
  std::size_t source = reader;
  while (source > 0 && !contains(models::writes(program.steps[source - 1].operation), buffer)) --source;
  if (source == 0) return std::nullopt;
  --source;
  for (std::size_t i = source + 1; i < program.steps.size(); ++i) {
    const Operation& operation = program.steps[i].operation;
    if (i != reader && contains(models::reads(operation), buffer)) return std::nullopt;
    if (contains(models::writes(operation), buffer)) return i >= reader ? std::optional(source) : std::nullopt;
  }
  return source;
}

// How many operations use a weight.
std::size_t uses_of(const Program& program, models::WeightId weight) {
  std::size_t uses = 0;
  const auto count = [&](std::optional<models::WeightId> used) {
    if (used == weight) ++uses;
  };
  for (const models::Step& step : program.steps) {
    if (const auto* norm = std::get_if<models::RmsNorm>(&step.operation)) count(norm->weight);
    if (const auto* embed = std::get_if<models::Embed>(&step.operation)) count(embed->table);
    if (const auto* product = std::get_if<models::MatMul>(&step.operation)) {
      for (const Projection& projection : product->projections) {
        count(projection.weight);
        count(projection.bias);
      }
    }
  }
  return uses;
}

std::optional<Fold> behind_norm(const Program& program, std::size_t source) {
  const auto* norm = std::get_if<models::RmsNorm>(&program.steps[source].operation);
  if (norm == nullptr || norm->groups != 1 || uses_of(program, norm->weight) != 1) return std::nullopt;
  return Fold{.producer = name_of(program, norm->weight)};
}

// silu(gate) * up is linear in `up`, so its factors may move into the matrix that makes `up`.
std::optional<Fold> behind_gate(const Program& program, std::size_t source) {
  const auto* gated = std::get_if<models::SiluMultiply>(&program.steps[source].operation);
  if (gated == nullptr || gated->up == gated->gate) return std::nullopt;
  const auto maker = sole_source(program, gated->up, source);
  const auto* product = maker ? std::get_if<models::MatMul>(&program.steps[*maker].operation) : nullptr;
  if (product == nullptr) return std::nullopt;
  const auto made = std::ranges::find(product->projections, gated->up, &Projection::out);
  if (made == product->projections.end() || made->accumulate || uses_of(program, made->weight) != 1) return {};
  Fold fold{.producer = name_of(program, made->weight)};
  if (made->bias) {
    if (uses_of(program, *made->bias) != 1) return std::nullopt;
    fold.bias = name_of(program, *made->bias);
  }
  return fold;
}

}  // namespace

std::vector<LinearInput> linear_inputs(const Program& program) {
  std::vector<LinearInput> inputs;
  std::unordered_set<std::string> taken;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto* product = std::get_if<models::MatMul>(&program.steps[i].operation);
    if (product == nullptr) continue;
    LinearInput input{i, program.buffers[index_of(product->in)].width, {}};
    for (const Projection& projection : product->projections) {
      const std::string& name = name_of(program, projection.weight);
      if (taken.insert(name).second) input.weights.push_back(name);
    }
    if (!input.weights.empty()) inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<Fold> find_folds(const Program& program, const std::vector<LinearInput>& inputs) {
  std::vector<Fold> folds;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& product = std::get<models::MatMul>(program.steps[inputs[i].step].operation);
    const bool only_here = std::ranges::all_of(product.projections, [&](const Projection& projection) {
      return uses_of(program, projection.weight) == 1;  // A tied head is also looked up.
    });
    const auto source = only_here ? sole_source(program, product.in, inputs[i].step) : std::nullopt;
    if (!source) continue;
    auto fold = behind_norm(program, *source);
    if (!fold) fold = behind_gate(program, *source);
    if (!fold) continue;
    fold->input = i;
    folds.push_back(*std::move(fold));
  }
  return folds;
}

}  // namespace linnet::quantize
