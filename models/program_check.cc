// What makes a program whole: the checks of `fault_of`, one function an operation.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/program.h"
#include "runtime/base/checked.h"

namespace linnet::models {
namespace {

using Fault = std::optional<std::string>;

// Whether a * b is `wanted`, computed without wrapping.
bool product_is(std::size_t a, std::size_t b, std::size_t wanted) {
  const auto product = checked_multiply(a, b);
  return product && *product == wanted;
}

template <class Id, class List>
bool in_range(Id id, const List& list) {
  return static_cast<std::size_t>(id) < list.size();
}

// Walks the steps once, knowing which buffers hold something so far.
class Checker {
 public:
  explicit Checker(const Program& program) : program_(program), written_(program.buffers.size(), false) {}

  Fault check() {
    if (auto fault = check_lists()) return fault;
    for (const Step& step : program_.steps) {
      if (auto fault = check_step(step.operation)) return step.name + ": " + *fault;
    }
    return check_logits();
  }

 private:
  Fault check_lists() const {
    if (program_.vocabulary == 0) return "the vocabulary is empty";
    if (program_.context_length == 0) return "the context length is zero";
    if (program_.steps.empty()) return "there are no steps";
    if (auto fault = check_weights()) return fault;
    for (const Buffer& buffer : program_.buffers) {
      if (buffer.width == 0) return "buffer " + buffer.name + " has no width";
    }
    for (const State& state : program_.states) {
      if (auto fault = std::visit([](const auto& kind) { return check_state(kind); }, state)) return fault;
    }
    return check_rotations();
  }

  static Fault check_state(const KvCache& cache) {
    if (cache.kv_heads == 0 || cache.key_width == 0 || cache.value_width == 0) return "a KV cache has no size";
    if (cache.values_in_keys && cache.value_width > cache.key_width) return "a KV cache's values are not in its keys";
    return std::nullopt;
  }

  static Fault check_state(const Recurrent& state) {
    return state.numbers != 0 ? Fault{} : "a recurrent state has no size";
  }

  Fault check_weights() const {
    std::set<std::pair<std::string_view, std::size_t>> names;  // With where a cut starts.
    for (const Weight& weight : program_.weights) {
      const auto matrix = checked_multiply(weight.rows, weight.columns);
      const auto size = matrix ? checked_multiply(*matrix, weight.groups) : matrix;
      if (weight.name.empty()) return "a weight has no name";
      if (!size || *size == 0 || !checked_narrow<std::size_t>(*size))
        return "weight " + weight.name + " has no possible size";
      if (weight.use != WeightUse::kMatrix && (weight.groups != 1 || weight.cut)) return weight.name + " has groups";
      if (weight.cut && !is_inside(weight)) return "weight " + weight.name + " reaches past its tensor's groups";
      if (!names.emplace(weight.name, weight.cut ? weight.cut->first_row : 0).second)
        return "weight " + weight.name + " is listed twice";
    }
    return std::nullopt;
  }

  static bool is_inside(const Weight& weight) {
    const std::size_t rows = weight.cut->transposed ? weight.columns : weight.rows;
    return weight.cut->first_row <= weight.cut->rows_a_group &&
           rows <= weight.cut->rows_a_group - weight.cut->first_row;
  }

  Fault check_rotations() const {
    for (const Rotation& rotation : program_.rotations) {
      if (rotation.dimensions == 0 || rotation.dimensions % 2 != 0) return "a rotation's dimensions are odd or none";
      if (!std::isfinite(rotation.base) || rotation.base <= 0) return "a rotation's base is not a positive number";
      if (auto fault = check_stretch(rotation)) return fault;
    }
    return std::nullopt;
  }

  static Fault check_stretch(const Rotation& rotation) {
    const Stretch& stretch = rotation.stretch;
    const auto positive = [](double number) { return std::isfinite(number) && number > 0; };
    if (!positive(static_cast<double>(rotation.magnitude))) return "a rotation's magnitude is not a positive number";
    if (stretch.kind == Stretch::Kind::kNone) return std::nullopt;
    if (!positive(stretch.factor)) return "a rotation is stretched by no positive number";
    if (stretch.kind == Stretch::Kind::kLinear) return std::nullopt;
    const bool sensible = stretch.original_context != 0 && positive(stretch.fast_turns) && positive(stretch.slow_turns);
    return sensible && rotation.base > 1 ? Fault{} : "a rotation's YaRN numbers make no sense";
  }

  // The logits are [outputs, vocabulary], and nothing is computed after them.
  Fault check_logits() const {
    if (!in_range(program_.logits, program_.buffers)) return "the logits are no buffer";
    const Buffer& logits = buffer(program_.logits);
    if (logits.rows != RowsOf::kOutputs) return "the logits are not one row an output";
    if (!program_.pooling && logits.width != program_.vocabulary) return "the logits are not as wide as the vocabulary";
    const auto last = writes(program_.steps.back().operation);
    if (last.size() != 1 || last.front() != program_.logits) return "the last step does not write the logits alone";
    return std::nullopt;
  }

  Fault check_step(const Operation& operation) {
    for (const BufferId id : reads(operation)) {
      if (!in_range(id, program_.buffers)) return "it reads a buffer that is not listed";
      if (!written_[static_cast<std::size_t>(id)]) return "it reads " + buffer(id).name + " before it is written";
    }
    const auto written = writes(operation);
    for (const BufferId id : written) {
      if (!in_range(id, program_.buffers)) return "it writes a buffer that is not listed";
    }
    auto fault = std::visit([this](const auto& op) { return check_operation(op); }, operation);
    for (const BufferId id : written) {
      written_[static_cast<std::size_t>(id)] = true;
      routed_.erase(id);
    }
    // What indexes experts is checked here, so that no step can read past them.
    const auto* route = std::get_if<Route>(&operation);
    if (!fault && route != nullptr) routed_[route->experts] = buffer(route->scores).width;
    return fault;
  }

  Fault check_operation(const Embed& op) const {
    if (!in_range(op.table, program_.weights)) return "its table is no weight";
    const Weight& table = weight(op.table);
    if (op.by == Lookup::kToken && table.rows != program_.vocabulary) return "its table has not one row a token";
    if (op.by == Lookup::kPosition && table.rows < program_.context_length) return "its table has too few positions";
    if (table.columns != buffer(op.out).width) return "its table is not as wide as its output";
    if (table.use == WeightUse::kVector) return "its table is a vector";
    if (buffer(op.out).rows != RowsOf::kTokens) return "its output is not one row a token";
    return std::isfinite(op.scale) ? Fault{} : "its scale is not finite";
  }

  Fault check_operation(const Add& op) const {
    if (op.other == op.in_out) return "it adds a buffer to itself";
    return same_shape(op.other, op.in_out) ? Fault{} : "its buffers differ in shape";
  }

  Fault check_operation(const LayerNorm& op) const {
    if (!same_shape(op.in, op.out)) return "input and output differ in shape";
    if (!std::isfinite(op.epsilon) || op.epsilon < 0) return "its epsilon is not a number of at least 0";
    if (auto fault = check_vector(op.weight, buffer(op.in).width)) return fault;
    return check_vector(op.bias, buffer(op.in).width);
  }

  Fault check_operation(const Gelu&) const { return std::nullopt; }

  Fault check_operation(const RmsNorm& op) const {
    const std::size_t width = buffer(op.in).width;
    if (!same_shape(op.in, op.out)) return "input and output differ in shape";
    if (op.groups == 0 || width % op.groups != 0) return "its groups do not divide the row";
    if (!std::isfinite(op.epsilon) || op.epsilon < 0) return "its epsilon is not a number of at least 0";
    const std::size_t part = width / op.groups;
    if (op.width > part) return "it norms more than a part holds";
    if (op.width != 0 && op.in != op.out) return "it norms a part of what it copies";
    return check_vector(op.weight, op.width != 0 ? op.width : part);
  }

  Fault check_operation(const UnitNorm& op) const {
    const auto numbers = checked_multiply(op.parts, op.width);
    const std::size_t width = buffer(op.in_out).width;
    if (!numbers || *numbers == 0) return "its parts have no size";
    if (op.first > width || *numbers > width - op.first) return "it reaches past the row";
    if (!std::isfinite(op.epsilon) || op.epsilon < 0) return "its epsilon is not a number of at least 0";
    return std::isfinite(op.scale) ? Fault{} : "its scale is not finite";
  }

  Fault check_operation(const Split& op) const {
    const std::size_t first = buffer(op.first).width;
    const std::size_t second = buffer(op.second).width;
    if (op.first == op.second || op.in == op.first || op.in == op.second) return "it writes over itself";
    for (const BufferId id : {op.first, op.second}) {
      if (buffer(id).rows != buffer(op.in).rows) return "input and output differ in rows";
      if (op.parts == 0 || buffer(id).width % op.parts != 0) return "its parts do not divide the row";
    }
    return buffer(op.in).width == first + second ? Fault{} : "its outputs are not as wide as its input";
  }

  Fault check_operation(const MatMul& op) const {
    if (op.projections.empty()) return "it has no projections";
    std::set<BufferId> outputs{op.in};
    for (const Projection& projection : op.projections) {
      if (!outputs.insert(projection.out).second) return "two projections, or input and output, share a buffer";
      if (buffer(projection.out).rows != buffer(op.in).rows) return "input and output differ in rows";
      if (auto fault = check_projection(projection, buffer(op.in).width)) return fault;
    }
    return std::nullopt;
  }

  Fault check_projection(const Projection& projection, std::size_t in_width) const {
    if (!in_range(projection.weight, program_.weights)) return "its matrix is no weight";
    const Weight& matrix = weight(projection.weight);
    const Buffer& out = buffer(projection.out);
    if (matrix.use != WeightUse::kMatrix) return matrix.name + " is not listed as a matrix";
    if (matrix.groups != 1) return matrix.name + " is several matrices";
    if (matrix.columns != in_width) return matrix.name + " is not as wide as the input";
    if (matrix.rows != out.width) return matrix.name + " has not one row a number of " + out.name;
    return projection.bias ? check_vector(*projection.bias, out.width) : Fault{};
  }

  Fault check_operation(const Rotate& op) const {
    if (!in_range(op.rotation, program_.rotations)) return "its rotation is not listed";
    const std::size_t width = buffer(op.in_out).width;
    if (op.heads == 0 || width % op.heads != 0) return "its heads do not divide the row";
    const Rotation& rotation = program_.rotations[static_cast<std::size_t>(op.rotation)];
    const std::size_t head = width / op.heads;
    if (op.first > head || rotation.dimensions > head - op.first) return "it rotates more than a head holds";
    return buffer(op.in_out).rows == RowsOf::kTokens ? Fault{} : "it rotates rows without a position";
  }

  Fault check_operation(const Attend& op) {
    if (!in_range(op.cache, program_.states)) return "its cache is not listed";
    if (!used_.insert(op.cache).second) return "another step stores into the same cache";
    const auto* const kind = std::get_if<KvCache>(&program_.states[static_cast<std::size_t>(op.cache)]);
    if (kind == nullptr) return "its cache holds no keys";
    const KvCache& cache = *kind;
    if (op.heads == 0 || op.heads % cache.kv_heads != 0) return "its heads are no multiple of its KV heads";
    if (!product_is(op.heads, cache.key_width, buffer(op.query).width)) return "its query is not heads x key width";
    if (!product_is(cache.kv_heads, cache.key_width, buffer(op.key).width))
      return "its key is not KV heads x key width";
    if (op.value.has_value() == cache.values_in_keys) return "its values are neither given nor in its keys";
    if (op.value && !product_is(cache.kv_heads, cache.value_width, buffer(*op.value).width)) {
      return "its value is not KV heads x value width";
    }
    if (!product_is(op.heads, cache.value_width, buffer(op.out).width)) return "its output is not heads x value width";
    for (const BufferId id : {op.query, op.key, op.value.value_or(op.key), op.out}) {
      if (buffer(id).rows != RowsOf::kTokens) return buffer(id).name + " is not one row a token";
    }
    for (const BufferId id : {op.query, op.key, op.value.value_or(op.key)}) {
      if (id == op.out) return "it writes over its own input";
    }
    if (op.mask == Mask::kNone && !program_.pooling) return "only an encoder's attention is without a mask";
    if (op.sinks) {
      if (auto fault = check_vector(*op.sinks, op.heads)) return fault;
    }
    return std::isfinite(op.scale) ? Fault{} : "its scale is not finite";
  }

  Fault check_operation(const ShortConvolution& op) {
    constexpr std::size_t kMostTaps = 16;
    if (!in_range(op.weight, program_.weights)) return "its weights are no weight";
    const Weight& taps = weight(op.weight);
    const Buffer& channels = buffer(op.in_out);
    if (taps.use != WeightUse::kVector || taps.rows != channels.width) return taps.name + " has not one row a channel";
    if (taps.columns < 2 || taps.columns > kMostTaps) return taps.name + " has no number of taps that makes sense";
    if (channels.rows != RowsOf::kTokens) return channels.name + " is not one row a token";
    return check_recurrent(op.state, {taps.columns - 1, channels.width});
  }

  Fault check_operation(const GatedDelta& op) {
    const std::size_t value_heads = buffer(op.decay).width;
    const std::size_t values = buffer(op.out).width;
    if (op.key_heads == 0 || op.key_width == 0 || value_heads % op.key_heads != 0 || values % value_heads != 0) {
      return "its heads do not divide the row";
    }
    const auto keys = checked_multiply(op.key_heads, op.key_width);
    const auto both = keys ? checked_multiply(*keys, std::size_t{2}) : keys;
    const std::size_t mixed = buffer(op.mixed).width;
    if (!both || mixed < *both || mixed - *both != values) return "its input is not queries, keys and values";
    if (!same_shape(op.decay, op.rate)) return "its decay and rate differ in shape";
    for (const BufferId id : {op.mixed, op.decay, op.out}) {
      if (buffer(id).rows != RowsOf::kTokens) return buffer(id).name + " is not one row a token";
    }
    for (const BufferId id : {op.mixed, op.decay, op.rate}) {
      if (id == op.out) return "it writes over its own input";
    }
    for (const WeightId id : {op.decay_bias, op.decay_scale}) {
      if (auto fault = check_vector(id, value_heads)) return fault;
    }
    return check_recurrent(op.state, {op.key_width, values});
  }

  // Whether the state is one of rows x columns numbers that no other step uses.
  Fault check_recurrent(StateId id, std::pair<std::size_t, std::size_t> size) {
    if (!in_range(id, program_.states)) return "its state is not listed";
    if (!used_.insert(id).second) return "another step uses the same state";
    const auto* const state = std::get_if<Recurrent>(&program_.states[static_cast<std::size_t>(id)]);
    if (state == nullptr) return "its state is no recurrent one";
    return product_is(size.first, size.second, state->numbers) ? Fault{} : "its state has another size";
  }

  Fault check_operation(const Route& op) const {
    const std::size_t experts = buffer(op.scores).width;
    const std::size_t chosen = buffer(op.experts).width;
    if (!same_shape(op.experts, op.gates)) return "its experts and gates differ in shape";
    if (op.experts == op.gates || op.experts == op.scores || op.gates == op.scores) return "it writes over itself";
    if (buffer(op.scores).rows != buffer(op.experts).rows) return "input and output differ in rows";
    if (op.groups == 0 || op.groups_used == 0 || op.groups_used > op.groups || experts % op.groups != 0) {
      return "its groups do not divide the experts";
    }
    if (chosen > experts / op.groups * op.groups_used) return "it chooses more experts than there are";
    if (op.gating == Gating::kSigmoid && op.groups > 1 && experts / op.groups < 2) return "its groups are too small";
    if (op.bias) {
      if (auto fault = check_vector(*op.bias, experts)) return fault;
    }
    return std::isfinite(op.scale) ? Fault{} : "its scale is not finite";
  }

  Fault check_operation(const ExpertMatMul& op) const {
    if (op.projections.empty()) return "it has no projections";
    const std::size_t chosen = buffer(op.experts).width;
    std::set<BufferId> buffers{op.in, op.experts};
    std::size_t experts = 0;
    for (const Projection& projection : op.projections) {
      if (auto fault = check_grouped(projection)) return fault;
      if (!buffers.insert(projection.out).second) return "two projections, or input and output, share a buffer";
      const Weight& matrices = weight(projection.weight);
      if (experts != 0 && experts != matrices.groups) return "its projections have different numbers of experts";
      experts = matrices.groups;
      const std::size_t in = buffer(op.in).width;
      if (in != matrices.columns && !product_is(chosen, matrices.columns, in)) return "its input has another width";
      if (!product_is(chosen, matrices.rows, buffer(projection.out).width)) return "its output has another width";
      for (const BufferId id : {op.experts, projection.out}) {
        if (buffer(id).rows != buffer(op.in).rows) return "input and output differ in rows";
      }
    }
    return routed_.contains(op.experts) && routed_.at(op.experts) == experts ? Fault{} : "nothing chose its experts";
  }

  Fault check_operation(const Combine& op) const {
    if (!product_is(buffer(op.gates).width, buffer(op.in_out).width, buffer(op.parts).width)) {
      return "its parts are not gates x width";
    }
    for (const BufferId id : {op.parts, op.gates}) {
      if (id == op.in_out || buffer(id).rows != buffer(op.in_out).rows) return "its buffers differ in rows";
    }
    return std::nullopt;
  }

  Fault check_operation(const HeadMatMul& op) const {
    if (op.projection.bias) return "it has no biases";
    if (auto fault = check_grouped(op.projection)) return fault;
    const Weight& matrices = weight(op.projection.weight);
    const Buffer& in = buffer(op.in);
    const Buffer& out = buffer(op.projection.out);
    if (op.in == op.projection.out || in.rows != out.rows) return "input and output share a buffer or differ in rows";
    if (in.width % matrices.groups != 0 || out.width % matrices.groups != 0) return "its heads do not divide the row";
    const std::size_t in_part = in.width / matrices.groups;
    const std::size_t out_part = out.width / matrices.groups;
    const bool wide = in_part >= matrices.columns && out_part >= matrices.rows;
    return wide && in_part - matrices.columns == out_part - matrices.rows ? Fault{} : "its widths do not fit together";
  }

  Fault check_grouped(const Projection& projection) const {
    if (!in_range(projection.weight, program_.weights)) return "its matrices are no weight";
    if (projection.accumulate) return "it has no sums";
    const Weight& matrices = weight(projection.weight);
    if (matrices.use != WeightUse::kMatrix) return "its weight is not listed as a matrix";
    if (!projection.bias) return std::nullopt;
    if (!in_range(*projection.bias, program_.weights)) return "its biases are no weight";
    const Weight& biases = weight(*projection.bias);
    const bool fits =
        biases.use == WeightUse::kVector && biases.rows == matrices.groups && biases.columns == matrices.rows;
    return fits ? Fault{} : biases.name + " has not one bias an output of each matrix";
  }

  Fault check_operation(const SiluMultiply& op) const {
    if (!same_shape(op.gate, op.up) || !same_shape(op.gate, op.out)) return "its buffers differ in shape";
    return std::nullopt;
  }

  Fault check_operation(const SigmoidMultiply& op) const {
    if (op.gate == op.in_out) return "it multiplies a buffer by itself";
    return same_shape(op.gate, op.in_out) ? Fault{} : "its buffers differ in shape";
  }

  Fault check_operation(const ClampedSwiglu& op) const {
    if (!same_shape(op.gate, op.up) || !same_shape(op.gate, op.out)) return "its buffers differ in shape";
    return std::isfinite(op.slope) && std::isfinite(op.limit) && op.limit >= 0 ? Fault{} : "its numbers make no sense";
  }

  Fault check_operation(const SelectOutputs& op) const {
    if (buffer(op.in).width != buffer(op.out).width) return "input and output differ in width";
    const bool kinds = buffer(op.in).rows == RowsOf::kTokens && buffer(op.out).rows == RowsOf::kOutputs;
    return kinds ? Fault{} : "it does not lead from tokens to outputs";
  }

  Fault check_vector(WeightId id, std::size_t width) const {
    if (!in_range(id, program_.weights)) return "its vector is no weight";
    if (weight(id).use != WeightUse::kVector) return weight(id).name + " is not listed as a vector";
    return weight(id).rows == 1 && weight(id).columns == width
               ? Fault{}
               : weight(id).name + " is not as long as the part of a row it serves";
  }

  bool same_shape(BufferId a, BufferId b) const {
    return buffer(a).width == buffer(b).width && buffer(a).rows == buffer(b).rows;
  }

  const Weight& weight(WeightId id) const { return program_.weights[static_cast<std::size_t>(id)]; }
  const Buffer& buffer(BufferId id) const { return program_.buffers[static_cast<std::size_t>(id)]; }

  const Program& program_;
  std::vector<bool> written_;
  std::set<StateId> used_;
  std::map<BufferId, std::size_t> routed_;  // Buffers that hold chosen experts, and of how many.
};

}  // namespace

std::optional<std::string> fault_of(const Program& program) { return Checker(program).check(); }

}  // namespace linnet::models
