#include "runtime/engine/executor.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <variant>

#include "runtime/base/clock.h"
#include "runtime/engine/frequencies.h"
#include "runtime/engine/lookup.h"

namespace linnet::engine {
namespace {

using kernels::kPanelRows;

// Below this many numbers an operation takes less time than waking another thread: about 2 microseconds of memory-bound
// work.
constexpr std::size_t kWorthSharing = 8192;

// Chunks a thread, so that cores of unequal speed end together.
constexpr std::size_t kChunksPerThread = 8;

}  // namespace

Executor::Executor(const ExecutorParts& parts, const Workspace& workspace)
    : program_(parts.program),
      weights_(parts.weights),
      residency_(parts.residency),
      plan_(parts.plan),
      kernels_(parts.kernels),
      cache_(parts.cache),
      pool_(parts.pool),
      workspace_(workspace) {
  double* frequencies = workspace_.rotations.frequencies.data();
  for (std::size_t i = 0; i < program_.rotations.size(); ++i) {
    const models::Rotation& rotation = program_.rotations[i];
    const std::size_t pairs = rotation.dimensions / 2;
    fill_frequencies(rotation, weights_.factors[i], {frequencies, pairs});
    frequencies += pairs;
  }
}

TensorView Executor::buffer(models::BufferId id) const {
  const auto index = static_cast<std::size_t>(id);
  const PlannedBuffer& planned = plan_.buffers[index];
  const bool tokens = program_.buffers[index].rows == models::RowsOf::kTokens;
  return {workspace_.buffers.data() + planned.offset, tokens ? batch_.size() : outputs_, program_.buffers[index].width,
          planned.stride};
}

void Executor::split(std::size_t items, std::size_t numbers_an_item, FunctionRef<void(std::size_t, std::size_t)> work) {
  if (items * numbers_an_item < kWorthSharing || items < 2) {
    if (items != 0) work(0, items);
    return;
  }
  const std::size_t share = std::max<std::size_t>(1, items / (pool_.threads() * kChunksPerThread));
  pool_.run((items + share - 1) / share,
            [&](std::size_t chunk, std::size_t) { work(chunk * share, std::min(share, items - chunk * share)); });
}

Result<ConstTensorView> Executor::run(Batch batch, std::span<StepCost> costs) {
  batch_ = batch;
  outputs_ = static_cast<std::size_t>(
      std::count_if(batch.begin(), batch.end(), [](const BatchRow& row) { return row.wants_logits; }));
  cut_blocks();
  fill_rotations();
  const auto execute_one = [this](const models::Step& step) {
    std::visit([this](const auto& op) { execute(op); }, step.operation);
  };
  for (std::size_t i = 0; i < program_.steps.size(); ++i) {
    if (observer_ != nullptr) show_observer(i);
    if (costs.empty()) {
      execute_one(program_.steps[i]);
      continue;
    }
    const auto before = Clock::now();
    execute_one(program_.steps[i]);
    costs[i].milliseconds += milliseconds_between(before, Clock::now());
    add_cost(costs[i], program_.steps[i].operation, program_, weights_, {batch_, cache_.shape().format, outputs_});
  }
  if (trial_.tries(batch.size())) trial_.end_step({batch.size(), outputs_});
  const TensorView logits = buffer(program_.logits);
  return ConstTensorView(logits.data(), logits.rows(), logits.width(), logits.stride());
}

void Executor::show_observer(std::size_t step) const {
  const auto* product = std::get_if<models::MatMul>(&program_.steps[step].operation);
  if (product == nullptr) return;
  const TensorView in = buffer(product->in);
  observer_->observe(step, {in.data(), in.rows(), in.width(), in.stride()});
}

// Gathers consecutive positions of one sequence, at most kAttentionRows at a time.
void Executor::cut_blocks() {
  std::size_t count = 0;
  for (std::size_t row = 0; row < batch_.size(); ++row) {
    const BatchRow& now = batch_[row];
    if (count != 0) {
      RowBlock& last = workspace_.blocks[count - 1];
      if (last.sequence == now.sequence && last.first_position + last.rows == now.position &&
          last.rows < WorkspaceShape::kAttentionRows) {
        ++last.rows;
        continue;
      }
    }
    workspace_.blocks[count++] = {static_cast<std::uint32_t>(row), 1, now.sequence, now.position};
  }
  blocks_ = workspace_.blocks.first(count);
}

// The angles of this batch's positions; layers that rotate alike share them.
void Executor::fill_rotations() {
  const RotationTables& tables = workspace_.rotations;
  std::size_t before = 0;
  for (const models::Rotation& rotation : program_.rotations) {
    const std::size_t pairs = rotation.dimensions / 2;
    const double* frequencies = tables.frequencies.data() + before;
    float* cosines = tables.cosines.data() + plan_rows() * before;
    float* sines = tables.sines.data() + plan_rows() * before;
    // A sine in double costs about as much as 32 numbers of a row-wise operation.
    split(batch_.size(), pairs * 32, [&](std::size_t first, std::size_t count) {
      for (std::size_t row = first; row < first + count; ++row) {
        kernels::fill_rotation(batch_[row].position, frequencies, pairs, cosines + row * pairs, sines + row * pairs);
        if (rotation.magnitude == 1.0F) continue;
        for (float* const table : {cosines, sines}) {
          kernels_.elementwise->scale(table + row * pairs, rotation.magnitude, table + row * pairs, pairs);
        }
      }
    });
    before += pairs;
  }
}

void Executor::execute(const models::Embed& op) {
  const WeightView& table = weights_.view(op.table);
  const TensorView out = buffer(op.out);
  split(out.rows(), out.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      float* const values = out.row(row).data();
      table.read_row(looked_up_row(op, batch_[row]), values);
      if (op.scale != 1.0F) kernels_.elementwise->scale(values, op.scale, values, out.width());
    }
  });
}

void Executor::execute(const models::Add& op) {
  const TensorView other = buffer(op.other);
  const TensorView sum = buffer(op.in_out);
  split(sum.rows(), sum.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      kernels_.elementwise->add(sum.row(row).data(), other.row(row).data(), sum.row(row).data(), sum.width());
    }
  });
}

void Executor::execute(const models::LayerNorm& op) {
  const TensorView in = buffer(op.in);
  const TensorView out = buffer(op.out);
  split(in.rows(), in.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      kernels_.layer_norm(in.row(row).data(), weights_.vector(op.weight), weights_.vector(op.bias), op.epsilon,
                          in.width(), out.row(row).data());
    }
  });
}

void Executor::execute(const models::RmsNorm& op) {
  const TensorView in = buffer(op.in);
  const TensorView out = buffer(op.out);
  const float* const weight = weights_.vector(op.weight);
  const std::size_t part = in.width() / op.groups;
  const std::size_t width = op.width != 0 ? op.width : part;
  split(in.rows(), in.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      for (std::size_t at = 0; at < in.width(); at += part) {
        kernels_.rms_norm(in.row(row).data() + at, weight, op.epsilon, width, out.row(row).data() + at);
      }
    }
  });
}

void Executor::execute(const models::UnitNorm& op) {
  const TensorView rows = buffer(op.in_out);
  split(rows.rows(), op.parts * op.width, [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      for (std::size_t part = 0; part < op.parts; ++part) {
        kernels_.unit_norm(rows.row(row).data() + op.first + part * op.width, op.epsilon, op.scale, op.width);
      }
    }
  });
}

void Executor::execute(const models::Split& op) {
  const TensorView in = buffer(op.in);
  const TensorView first = buffer(op.first);
  const TensorView second = buffer(op.second);
  const std::size_t a = first.width() / op.parts;
  const std::size_t b = second.width() / op.parts;
  split(in.rows(), in.width(), [&](std::size_t from, std::size_t count) {
    for (std::size_t row = from; row < from + count; ++row) {
      for (std::size_t part = 0; part < op.parts; ++part) {
        const float* const numbers = in.row(row).data() + part * (a + b);
        std::memcpy(first.row(row).data() + part * a, numbers, a * sizeof(float));
        std::memcpy(second.row(row).data() + part * b, numbers + a, b * sizeof(float));
      }
    }
  });
}

// A row's terms are rows of their own, one behind the other.
void Executor::quantise(TensorView in, const InputRounding& rounding) {
  const QuantisedScratch& scratch = workspace_.quantised;
  const std::size_t blocks = in.width() / kernels::kActivationBlock;
  split(in.rows(), in.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      kernels::Q8Row rows[kernels::kMostTerms];
      for (std::size_t t = 0; t < rounding.terms; ++t) {
        rows[t] =
            q8_row(scratch.from(0), kernels::q8_place(row * rounding.terms + t, in.rows() * rounding.terms, blocks));
      }
      kernels_.quantize(in.row(row).data(), in.width(), rounding.joined, rows, rounding.terms);
    }
  });
}

void Executor::execute(const models::MatMul& op) {
  if (!trial_.tries(batch_.size())) return multiply_all(op);
  const auto before = Clock::now();
  multiply_all(op);
  trial_.add(milliseconds_between(before, Clock::now()));
}

void Executor::multiply_all(const models::MatMul& op) {
  const TensorView in = buffer(op.in);
  if (in.rows() == 0) return;  // No logits are wanted.
  const auto groups_of = [&](const models::Projection& projection) {
    return (weights_.view(projection.weight).rows + kPanelRows - 1) / kPanelRows;
  };
  const InputRounding rounding = input_rounding(op.projections, op.terms, weights_);
  if (rounding.joined != 0) quantise(in, rounding);

  const std::size_t share = groups_a_chunk(product_groups(op.projections, weights_), pool_.threads());
  if (residency_.streamed().count != 0) return project_in_pieces(op, share);
  std::size_t chunks = 0;
  for (const models::Projection& projection : op.projections) chunks += (groups_of(projection) + share - 1) / share;
  pool_.run(chunks, [&](std::size_t chunk, std::size_t worker) {
    for (const models::Projection& projection : op.projections) {
      const std::size_t own = (groups_of(projection) + share - 1) / share;
      if (chunk < own) {
        const std::size_t first = chunk * share;
        return project(op, projection, {first, std::min(share, groups_of(projection) - first)}, worker);
      }
      chunk -= own;
    }
  });
}

// Weights that do not all stay in memory: each piece is read while the one before it is used, and dropped.
void Executor::project_in_pieces(const models::MatMul& op, std::size_t share) {
  for (const models::Projection& projection : op.projections) {
    const std::size_t all = (weights_.view(projection.weight).rows + kPanelRows - 1) / kPanelRows;
    const auto project_groups = [&](std::size_t first, std::size_t count) {
      pool_.run((count + share - 1) / share, [&](std::size_t chunk, std::size_t worker) {
        project(op, projection, {first + chunk * share, std::min(share, count - chunk * share)}, worker);
      });
    };
    const auto pieces = residency_.pieces(projection.weight);
    if (pieces.empty()) project_groups(0, all);
    for (const WeightPiece& piece : pieces) {
      residency_.begin(piece);
      project_groups(piece.first_group, piece.groups);
      residency_.end(piece);
    }
  }
}

// Some outputs of one projection for all rows: x = dot, or x + (dot + bias), a dot of two terms being their sum.
void Executor::project(const models::MatMul& op, const models::Projection& projection, PanelGroups groups,
                       std::size_t worker) {
  const TensorView in = buffer(op.in);
  const TensorView out = buffer(projection.out);
  const WeightView& matrix = weights_.view(projection.weight);
  const std::size_t terms = matrix.in_panels ? input_rounding(op.projections, op.terms, weights_).terms : 1;
  const bool aside = projection.accumulate || terms > 1;
  const std::size_t first = groups.first * kPanelRows;
  const std::size_t width = std::min(groups.count * kPanelRows, out.width() - first);
  float* const products = aside ? workspace_.threads[worker].tile.data() : out.data() + first;
  const std::size_t stride = aside ? groups.count * kPanelRows : out.stride();
  multiply(matrix, in, terms, groups, products, stride);
  if (!projection.bias && !aside) return;
  const kernels::Elementwise& elementwise = *kernels_.elementwise;
  for (std::size_t row = 0; row < in.rows(); ++row) {
    float* const product = products + row * terms * stride;
    float* const to = out.row(row).data() + first;
    float* const sum = projection.accumulate ? product : to;
    if (terms > 1) elementwise.add(product, product + stride, sum, width);
    if (projection.bias) elementwise.add(sum, weights_.vector(*projection.bias) + first, sum, width);
    if (projection.accumulate) elementwise.add(to, sum, to, width);
  }
}

void Executor::multiply(const WeightView& matrix, TensorView in, std::size_t terms, PanelGroups groups, float* out,
                        std::size_t stride) const {
  const auto format = static_cast<std::size_t>(matrix.format);
  const std::size_t first = groups.first * kPanelRows;
  if (matrix.in_panels) {
    const QuantisedScratch& scratch = workspace_.quantised;
    const std::size_t rows = in.rows() * terms;
    const kernels::Q8Activations activations{
        scratch.values.data(), scratch.scales.data(), scratch.sums.data(), rows, in.width(), trial_.ahead()};
    kernels_.matmul[format]->for_rows(rows)(matrix.from_row(first), groups.count, activations, out, stride);
  } else {
    const kernels::FloatMatrix rows{matrix.from_row(first), std::min(groups.count * kPanelRows, matrix.rows - first),
                                    matrix.columns};
    kernels_.matmul_float[format](rows, {in.data(), in.rows(), in.stride()}, out, stride);
  }
}

void Executor::execute(const models::Rotate& op) {
  const auto rotation = static_cast<std::size_t>(op.rotation);
  const TensorView rows = buffer(op.in_out);
  std::size_t before = 0;
  for (std::size_t i = 0; i < rotation; ++i) before += program_.rotations[i].dimensions / 2;
  const std::size_t pairs = program_.rotations[rotation].dimensions / 2;
  const auto rotate = program_.rotations[rotation].interleaved ? kernels_.rotate->interleaved : kernels_.rotate->halves;
  const float* const cosines = workspace_.rotations.cosines.data() + plan_rows() * before;
  const float* const sines = workspace_.rotations.sines.data() + plan_rows() * before;
  split(rows.rows(), rows.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      rotate(rows.row(row).data() + op.first, op.heads, rows.width() / op.heads, cosines + row * pairs,
             sines + row * pairs, pairs);
    }
  });
}

void Executor::split_numbers(TensorView rows, FunctionRef<void(std::size_t, std::size_t, std::size_t)> work) {
  constexpr std::size_t kPiece = 2048;  // A row alone is worth sharing too: each number costs an exponential.
  const std::size_t pieces = (rows.width() + kPiece - 1) / kPiece;
  split(rows.rows() * pieces, std::min(kPiece, rows.width()), [&](std::size_t first, std::size_t count) {
    for (std::size_t item = first; item < first + count; ++item) {
      const std::size_t at = item % pieces * kPiece;
      work(item / pieces, at, std::min(kPiece, rows.width() - at));
    }
  });
}

void Executor::execute(const models::SiluMultiply& op) {
  const TensorView gate = buffer(op.gate);
  const TensorView up = buffer(op.up);
  const TensorView out = buffer(op.out);
  split_numbers(out, [&](std::size_t row, std::size_t at, std::size_t count) {
    kernels_.elementwise->silu_multiply(gate.row(row).data() + at, up.row(row).data() + at, out.row(row).data() + at,
                                        count);
  });
}

void Executor::execute(const models::SigmoidMultiply& op) {
  const TensorView gate = buffer(op.gate);
  const TensorView out = buffer(op.in_out);
  split_numbers(out, [&](std::size_t row, std::size_t at, std::size_t count) {
    float* const numbers = out.row(row).data() + at;
    kernels_.elementwise->sigmoid_multiply(gate.row(row).data() + at, numbers, numbers, count);
  });
}

void Executor::execute(const models::ClampedSwiglu& op) {
  const TensorView gate = buffer(op.gate);
  const TensorView up = buffer(op.up);
  const TensorView out = buffer(op.out);
  split_numbers(out, [&](std::size_t row, std::size_t at, std::size_t count) {
    kernels_.elementwise->clamped_swiglu(gate.row(row).data() + at, up.row(row).data() + at, {op.slope, op.limit},
                                         out.row(row).data() + at, count);
  });
}

void Executor::execute(const models::Gelu& op) {
  const TensorView rows = buffer(op.in_out);
  split(rows.rows(), rows.width(), [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      kernels_.elementwise->gelu(rows.row(row).data(), rows.row(row).data(), rows.width());
    }
  });
}

void Executor::execute(const models::SelectOutputs& op) {
  const TensorView in = buffer(op.in);
  const TensorView out = buffer(op.out);
  std::size_t next = 0;
  for (std::size_t row = 0; row < batch_.size(); ++row) {
    if (!batch_[row].wants_logits) continue;
    std::memcpy(out.row(next++).data(), in.row(row).data(), in.width() * sizeof(float));
  }
}

}  // namespace linnet::engine
