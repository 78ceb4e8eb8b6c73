// Products whose matrix differs from row to row or from head to head, and the choice of experts that leads to them.
#include <algorithm>
#include <cstring>

#include "kernels/math/math.h"
#include "runtime/engine/executor.h"

namespace linnet::engine {
namespace {

using kernels::kPanelRows;
using models::Gating;

void soften(std::span<float> scores) {
  const float maximum = *std::max_element(scores.begin(), scores.end());
  float sum = 0;
  for (float& score : scores) sum += score = kernels::math::exp(score - maximum);
  for (float& score : scores) score /= sum;
}

// One row's choice, in ascending order of everything. Gates are never negative: -1 marks those of closed groups.
class Router {
 public:
  Router(const models::Route& op, const float* bias, std::span<float> gates)
      : op_(op), bias_(bias), gates_(gates), group_size_(gates.size() / op.groups) {}

  void choose(std::span<float> experts, std::span<float> chosen_gates) {
    if (op_.gating == Gating::kSoftmax) {
      soften(gates_);
    } else {
      for (float& gate : gates_) gate = 1.0F / (1.0F + kernels::math::exp(-gate));
    }
    for (std::size_t closed = op_.groups_used; closed < op_.groups; ++closed) close_worst_group();
    float sum = 0;
    for (std::size_t slot = 0; slot < experts.size(); ++slot) {
      const std::size_t expert = best_outside(experts.first(slot));
      experts[slot] = static_cast<float>(expert);
      sum += chosen_gates[slot] = gates_[expert];
    }
    for (float& gate : chosen_gates) {
      if (op_.normalised) gate /= sum + 1e-20F;  // As the reference has it: all gates may be 0.
      gate *= op_.scale;
    }
  }

 private:
  [[nodiscard]] bool is_closed(std::size_t expert) const { return gates_[expert] < 0; }
  [[nodiscard]] float worth(std::size_t expert) const {
    return bias_ == nullptr ? gates_[expert] : gates_[expert] + bias_[expert];
  }

  [[nodiscard]] float worth_of_group(std::size_t first) const {
    float best = worth(first);
    float second = -1e30F;
    for (std::size_t i = first + 1; i < first + group_size_; ++i) {
      const float next = worth(i);
      second = std::max(second, std::min(best, next));
      best = std::max(best, next);
    }
    return op_.gating == Gating::kSigmoid ? best + second : best;
  }

  void close_worst_group() {
    std::size_t worst = gates_.size();
    float least = 0;
    for (std::size_t first = 0; first < gates_.size(); first += group_size_) {
      if (is_closed(first)) continue;
      const float group = worth_of_group(first);
      if (worst != gates_.size() && group > least) continue;  // Of equal ones the last is closed.
      worst = first;
      least = group;
    }
    std::fill_n(gates_.begin() + static_cast<std::ptrdiff_t>(worst), group_size_, -1.0F);
  }

  // There is one: a row chooses no more experts than its open groups have.
  [[nodiscard]] std::size_t best_outside(std::span<const float> taken) const {
    std::size_t best = gates_.size();
    for (std::size_t expert = 0; expert < gates_.size(); ++expert) {
      if (is_closed(expert) || std::ranges::count(taken, static_cast<float>(expert)) != 0) continue;
      if (best == gates_.size() || worth(expert) > worth(best)) best = expert;
    }
    return best;
  }

  const models::Route& op_;
  const float* bias_;
  std::span<float> gates_;  // Of all experts.
  std::size_t group_size_;
};

}  // namespace

void Executor::execute(const models::Route& op) {
  const TensorView scores = buffer(op.scores);
  const TensorView experts = buffer(op.experts);
  const TensorView gates = buffer(op.gates);
  const float* const bias = op.bias ? weights_.vector(*op.bias) : nullptr;
  // An exponential and the comparisons of a choice cost about as much as 64 numbers of a row-wise operation.
  split(scores.rows(), scores.width() * 64, [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      Router(op, bias, scores.row(row)).choose(experts.row(row), gates.row(row));
    }
  });
}

// Counting sort: each expert's parts, rows ascending.
void Executor::sort_by_expert(TensorView experts, std::size_t count) {
  const GroupScratch& groups = workspace_.groups;
  std::fill_n(groups.starts.begin(), count + 1, 0U);
  const auto expert_of = [&](std::size_t row, std::size_t slot) {
    return static_cast<std::size_t>(experts.row(row)[slot]);
  };
  for (std::size_t row = 0; row < experts.rows(); ++row) {
    for (std::size_t slot = 0; slot < experts.width(); ++slot) ++groups.starts[expert_of(row, slot)];
  }
  std::uint32_t end = 0;
  for (std::size_t expert = 0; expert <= count; ++expert) end = groups.starts[expert] += end;
  // From the back, so that each start ends where its parts begin.
  for (std::size_t row = experts.rows(); row-- > 0;) {
    for (std::size_t slot = experts.width(); slot-- > 0;) {
      groups.parts[--groups.starts[expert_of(row, slot)]] = static_cast<std::uint32_t>(row * experts.width() + slot);
    }
  }
}

void Executor::sort_by_head(std::size_t rows, std::size_t heads) {
  const GroupScratch& groups = workspace_.groups;
  for (std::size_t head = 0; head <= heads; ++head) groups.starts[head] = static_cast<std::uint32_t>(head * rows);
  for (std::size_t i = 0; i < rows * heads; ++i) {
    groups.parts[i] = static_cast<std::uint32_t>(i % rows * heads + i / rows);
  }
}

namespace {

// Where a part's numbers start.
float* part_of(const PartedRows& rows, std::size_t part) {
  return rows.rows.row(part / rows.parts).data() + part % rows.parts * rows.stride;
}

}  // namespace

// In the order in which they are sorted, each matrix's parts as rows of their own.
void Executor::quantise_parts(const PartedRows& in, std::size_t matrices, std::size_t joined) {
  const QuantisedScratch& scratch = workspace_.quantised;
  const GroupScratch& groups = workspace_.groups;
  const auto starts = groups.starts.first(matrices + 1);
  const std::size_t blocks = in.columns / kernels::kActivationBlock;
  split(in.rows.rows() * in.parts, in.columns, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const auto end = std::ranges::upper_bound(starts, i);  // Of the matrix that has part i.
      const std::size_t begin = *(end - 1);
      const auto row = q8_row(scratch.from(begin * blocks), kernels::q8_place(i - begin, *end - begin, blocks));
      kernels_.quantize(part_of(in, groups.parts[i]), in.columns, joined, &row, 1);
    }
  });
}

// out part = in part * matrix^T for all parts of all rows, sorted before. Every (matrix with parts, projection, run of
// outputs) is a chunk.
void Executor::multiply_parts(const PartedRows& in, std::span<const models::Projection> projections) {
  const std::span<const std::uint32_t> starts = workspace_.groups.starts;
  const std::size_t matrices = weights_.view(projections.front().weight).groups;
  const std::size_t joined = input_rounding(projections, 1, weights_).joined;
  if (joined != 0) quantise_parts(in, matrices, joined);
  std::size_t used = 0;
  for (std::size_t m = 0; m < matrices; ++m) used += starts[m] != starts[m + 1] ? 1U : 0U;
  const std::size_t share = groups_a_chunk(used * product_groups(projections, weights_), pool_.threads());
  const auto groups_of = [&](const models::Projection& p) {
    return (weights_.view(p.weight).rows + kPanelRows - 1) / kPanelRows;
  };
  std::size_t chunks_a_matrix = 0;
  for (const models::Projection& p : projections) chunks_a_matrix += (groups_of(p) + share - 1) / share;
  pool_.run(used * chunks_a_matrix, [&](std::size_t chunk, std::size_t worker) {
    std::size_t matrix = 0;
    for (std::size_t skipped = chunk / chunks_a_matrix;; ++matrix) {
      if (starts[matrix] == starts[matrix + 1]) continue;
      if (skipped-- == 0) break;
    }
    std::size_t within = chunk % chunks_a_matrix;
    for (const models::Projection& p : projections) {
      const std::size_t own = (groups_of(p) + share - 1) / share;
      if (within < own) {
        const std::size_t first = within * share;
        return multiply_matrix(in, p, {matrix, {first, std::min(share, groups_of(p) - first)}}, worker);
      }
      within -= own;
    }
  });
}

void Executor::multiply_matrix(const PartedRows& in, const models::Projection& projection, const MatrixPart& part,
                               std::size_t worker) {
  const WeightView& matrices = weights_.view(projection.weight);
  const auto format = static_cast<std::size_t>(matrices.format);
  const GroupScratch& groups = workspace_.groups;
  const std::size_t begin = groups.starts[part.matrix];
  const std::size_t count = groups.starts[part.matrix + 1] - begin;
  const std::size_t first = part.groups.first * kPanelRows;
  const std::size_t width = std::min(part.groups.count * kPanelRows, matrices.rows - first);
  const std::size_t stride = part.groups.count * kPanelRows;
  float* const tile = workspace_.threads[worker].tile.data();
  const std::byte* const weights = matrices.from_group(part.matrix, first);
  if (matrices.in_panels) {
    const QuantisedScratch& scratch = workspace_.quantised;
    const std::size_t blocks = in.columns / kernels::kActivationBlock;
    const kernels::Q8Row first_row = scratch.from(begin * blocks);
    const kernels::Q8Activations activations{first_row.values, first_row.scales, first_row.sums, count,
                                             in.columns,       trial_.ahead()};
    kernels_.matmul[format]->for_rows(count)(weights, part.groups.count, activations, tile, stride);
  } else {
    // Parts of different rows lie at no even distance: one after the other, from a matrix that stays in the cache.
    for (std::size_t i = 0; i < count; ++i) {
      kernels_.matmul_float[format]({weights, width, matrices.columns}, {part_of(in, groups.parts[begin + i]), 1, 0},
                                    tile + i * stride, stride);
    }
  }
  if (projection.bias) {
    const float* const bias = weights_.vector(*projection.bias) + part.matrix * matrices.rows + first;
    for (std::size_t i = 0; i < count; ++i) {
      kernels_.elementwise->add(tile + i * stride, bias, tile + i * stride, width);
    }
  }
  const TensorView out = buffer(projection.out);
  const PartedRows target{out, in.parts, out.width() / in.parts, matrices.rows};
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(part_of(target, groups.parts[begin + i]) + first, tile + i * stride, width * sizeof(float));
  }
}

void Executor::execute(const models::ExpertMatMul& op) {
  const TensorView in = buffer(op.in);
  const TensorView experts = buffer(op.experts);
  if (in.rows() == 0) return;
  const WeightView& matrices = weights_.view(op.projections.front().weight);
  sort_by_expert(experts, matrices.groups);
  const std::size_t stride = in.width() == matrices.columns ? 0 : matrices.columns;
  multiply_parts({in, experts.width(), stride, matrices.columns}, op.projections);
}

void Executor::execute(const models::Combine& op) {
  const TensorView parts = buffer(op.parts);
  const TensorView gates = buffer(op.gates);
  const TensorView sum = buffer(op.in_out);
  split(sum.rows(), parts.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      float* const out = sum.row(row).data();
      for (std::size_t i = 0; i < sum.width(); ++i) {
        float mixed = 0;
        for (std::size_t slot = 0; slot < gates.width(); ++slot) {
          mixed = std::fma(gates.row(row)[slot], parts.row(row)[slot * sum.width() + i], mixed);
        }
        out[i] += mixed;
      }
    }
  });
}

void Executor::execute(const models::HeadMatMul& op) {
  const TensorView in = buffer(op.in);
  const TensorView out = buffer(op.projection.out);
  const WeightView& matrices = weights_.view(op.projection.weight);
  const std::size_t in_part = in.width() / matrices.groups;
  const std::size_t out_part = out.width() / matrices.groups;
  sort_by_head(in.rows(), matrices.groups);
  multiply_parts({in, matrices.groups, in_part, matrices.columns}, std::span(&op.projection, 1));
  const std::size_t others = in_part - matrices.columns;
  if (others == 0) return;
  for (std::size_t row = 0; row < in.rows(); ++row) {
    for (std::size_t head = 0; head < matrices.groups; ++head) {
      std::memcpy(out.row(row).data() + head * out_part + matrices.rows,
                  in.row(row).data() + head * in_part + matrices.columns, others * sizeof(float));
    }
  }
}

}  // namespace linnet::engine
