// Walks a program on the CPU: one step of any mix of sequences and positions.
//
// Every operation is cut into chunks for the pool and ends with all of them done. How it is cut never shows in the
// result: each number is computed whole, by one thread, in the canonical order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "models/program.h"
#include "runtime/base/tensor_view.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/buffer_plan.h"
#include "runtime/engine/kernel_set.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/prefetch_trial.h"
#include "runtime/engine/step_cost.h"
#include "runtime/engine/step_runner.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/engine/weight_residency.h"
#include "runtime/engine/weights.h"
#include "runtime/engine/workspace.h"

namespace linnet::engine {

// Told the input of every MatMul before it is computed, for calibration.
class MatMulObserver {
 public:
  virtual ~MatMulObserver() = default;
  // `step` is the operation's index in the program; `in` is valid during the call. Where no logits were asked for, the
  // output projection's input has no rows.
  virtual void observe(std::size_t step, ConstTensorView in) = 0;
};

// What an executor works with; it owns none of it.
struct ExecutorParts {
  const models::Program& program;
  const Weights& weights;
  WeightResidency& residency;
  const BufferPlan& plan;
  const KernelSet& kernels;
  KvCache& cache;
  ThreadPool& pool;
};

// A buffer whose rows are cut into parts, each multiplied by a matrix of its own (experts, heads).
struct PartedRows {
  TensorView rows;
  std::size_t parts = 0;    // A row.
  std::size_t stride = 0;   // Numbers from part to part; 0: all parts are the same.
  std::size_t columns = 0;  // That are multiplied.
};

// Outputs [16 * first, 16 * (first + count)) of a matrix.
struct PanelGroups {
  std::size_t first = 0;
  std::size_t count = 0;
};

// The same of one matrix of several.
struct MatrixPart {
  std::size_t matrix = 0;
  PanelGroups groups;
};

// Query heads of one KV head.
struct HeadRange {
  std::size_t kv_head = 0;
  std::size_t first = 0;  // Of all query heads.
  std::size_t count = 0;
};

// How attention is shared out: one KV head may serve many query heads (latent attention: all), in ranges of at most
// kAttentionHeads.
struct AttentionCut {
  std::size_t heads = 0;  // Query heads of a KV head.
  std::size_t kv_heads = 0;

  [[nodiscard]] std::size_t ranges() const { return (heads + kAttentionHeads - 1) / kAttentionHeads; }
  [[nodiscard]] std::size_t ranges_a_block() const { return ranges() * kv_heads; }
  [[nodiscard]] std::size_t block(std::size_t chunk) const { return chunk / ranges_a_block(); }
  [[nodiscard]] HeadRange range(std::size_t chunk) const {
    const std::size_t kv_head = chunk / ranges() % kv_heads;
    const std::size_t before = chunk % ranges() * kAttentionHeads;
    return {kv_head, kv_head * heads + before, std::min(kAttentionHeads, heads - before)};
  }
};

class Executor final : public StepRunner {
 public:
  Executor(const ExecutorParts& parts, const Workspace& workspace);

  [[nodiscard]] Result<ConstTensorView> run(Batch batch, std::span<StepCost> costs) override;

  // From now on `observer` is told; null: nobody. Costs a comparison an operation while there is none.
  void set_observer(MatMulObserver* observer) { observer_ = observer; }

 private:
  [[nodiscard]] TensorView buffer(models::BufferId id) const;
  [[nodiscard]] std::size_t plan_rows() const { return workspace_.blocks.size(); }  // The most that a batch may have.
  void cut_blocks();
  void fill_rotations();
  void show_observer(std::size_t step) const;

  void execute(const models::Embed& op);
  void execute(const models::Add& op);
  void execute(const models::RmsNorm& op);
  void execute(const models::LayerNorm& op);
  void execute(const models::UnitNorm& op);
  void execute(const models::Split& op);
  void execute(const models::MatMul& op);
  void execute(const models::Rotate& op);
  void execute(const models::Attend& op);  // In executor_attention.cc.
  // In executor_recurrence.cc.
  void execute(const models::ShortConvolution& op);
  void execute(const models::GatedDelta& op);
  // In executor_experts.cc.
  void execute(const models::Route& op);
  void execute(const models::ExpertMatMul& op);
  void execute(const models::Combine& op);
  void execute(const models::HeadMatMul& op);
  void execute(const models::SiluMultiply& op);
  void execute(const models::SigmoidMultiply& op);
  void execute(const models::ClampedSwiglu& op);
  void execute(const models::Gelu& op);
  void execute(const models::SelectOutputs& op);

  void multiply_all(const models::MatMul& op);
  void quantise(TensorView in, const InputRounding& rounding);
  void project(const models::MatMul& op, const models::Projection& projection, PanelGroups groups, std::size_t worker);
  void project_in_pieces(const models::MatMul& op, std::size_t share);
  void multiply(const WeightView& matrix, TensorView in, std::size_t terms, PanelGroups groups, float* out,
                std::size_t stride) const;
  void sort_by_expert(TensorView experts, std::size_t count);
  void sort_by_head(std::size_t rows, std::size_t heads);
  void quantise_parts(const PartedRows& in, std::size_t matrices, std::size_t joined);
  void multiply_parts(const PartedRows& in, std::span<const models::Projection> projections);
  void multiply_matrix(const PartedRows& in, const models::Projection& projection, const MatrixPart& part,
                       std::size_t worker);
  void step_state(const models::GatedDelta& op, std::size_t head);
  [[nodiscard]] std::size_t row_numbers(std::size_t width) const;
  void store(const float* numbers, std::size_t width, std::uint16_t* row) const;
  void store(const models::Attend& op, std::size_t row);
  void attend(const models::Attend& op, const RowBlock& block, const HeadRange& range, std::size_t worker);
  void merge_sinks(const float* sinks, const kernels::AttentionShape& shape, const kernels::AttentionPart& into,
                   std::size_t worker);
  // Positions [begin, end) of a sequence, and the pages that hold them.
  struct Seen {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t first_page() const { return begin / kernels::kPagePositions; }
    [[nodiscard]] std::size_t end_page() const { return (end + kernels::kPagePositions - 1) / kernels::kPagePositions; }
  };
  [[nodiscard]] Seen seen_by(const models::Attend& op, const RowBlock& block) const;
  [[nodiscard]] kernels::AttentionPage page_of(const models::Attend& op, const Seen& seen, const RowBlock& block,
                                               const HeadRange& range, std::size_t page) const;
  void attend_from(const models::Attend& op, const Seen& seen, const RowBlock& block, const HeadRange& range,
                   std::size_t worker);
  [[nodiscard]] std::size_t pages_to_share(const models::Attend& op, const AttentionCut& cut) const;
  void attend_by_pages(const models::Attend& op, const AttentionCut& cut, std::size_t pages);

  // Calls work(row, first, count) over runs of the numbers of each row, in parallel.
  void split_numbers(TensorView rows, FunctionRef<void(std::size_t, std::size_t, std::size_t)> work);

  // Calls work(first, count) over [0, count of items), in parallel where there are enough numbers in all.
  void split(std::size_t items, std::size_t numbers_an_item, FunctionRef<void(std::size_t, std::size_t)> work);

  const models::Program& program_;
  const Weights& weights_;
  WeightResidency& residency_;
  const BufferPlan& plan_;
  const KernelSet& kernels_;
  KvCache& cache_;
  ThreadPool& pool_;
  Workspace workspace_;
  Batch batch_;
  std::size_t outputs_ = 0;
  std::span<const RowBlock> blocks_;
  MatMulObserver* observer_ = nullptr;
  PrefetchTrial trial_;
};

}  // namespace linnet::engine
