#include "runtime/cli/engine_calibration.h"

#include <algorithm>

#include "runtime/cli/calibration_texts.h"
#include "runtime/cli/progress.h"
#include "runtime/engine/executor.h"

namespace linnet::cli {
namespace {

// Rows of a step: past about 100 the engine is no faster, and a Gram matrix takes its update for each.
constexpr std::size_t kRows = 256;

// Hands on what the executor shows.
class Observer final : public engine::MatMulObserver {
 public:
  explicit Observer(quantize::ShowInput show) : show_(show) {}
  void observe(std::size_t step, ConstTensorView in) override { show_(step, in, rows_); }
  void expect(quantize::Rows rows) { rows_ = rows; }

 private:
  quantize::ShowInput show_;
  quantize::Rows rows_ = quantize::Rows::kTextStart;
};

// No logits are asked for: the output head, a fifth of the work of a small model, is not computed.
Result<void> run_window(engine::Engine& engine, const std::vector<text::TokenId>& window, Observer& observer) {
  LINNET_TRY(const auto sequence, engine.begin_sequence());
  const std::size_t length = std::min(window.size(), engine.options().context);
  std::vector<engine::BatchRow> rows;
  Result<void> result;
  for (std::size_t first = 0; first < length && result; first += rows.size()) {
    rows.clear();
    for (std::size_t i = first; i < std::min(length, first + kRows); ++i) {
      rows.push_back({window[i], sequence, static_cast<std::uint32_t>(i), false});
    }
    observer.expect(first == 0 ? quantize::Rows::kTextStart : quantize::Rows::kInside);
    if (auto step = engine.step(rows); !step) result = tl::unexpected(step.error());
  }
  engine.end_sequence(sequence);
  return result;
}

}  // namespace

EngineCalibration::EngineCalibration(const ModelFile& file, std::vector<std::vector<text::TokenId>> windows,
                                     std::size_t threads, const Console& console, Machine machine)
    : file_(file), windows_(std::move(windows)), threads_(threads), console_(console), machine_(std::move(machine)) {}

Result<std::unique_ptr<EngineCalibration>> EngineCalibration::create(const ModelFile& file,
                                                                     std::vector<std::vector<text::TokenId>> windows,
                                                                     std::size_t threads, const Console& console) {
  LINNET_TRY(Machine machine, inspect_machine());
  std::unique_ptr<EngineCalibration> made(new EngineCalibration(file, std::move(windows), threads, console, machine));
  LINNET_TRY(const auto engine, made->open());
  made->program_ = engine.program();
  return made;
}

Result<engine::Engine> EngineCalibration::open() const {
  const EngineNeeds needs{.context = kCalibrationWindow, .max_batch_rows = kRows};
  ModelOptions options;
  options.threads = threads_;
  options.device = engine::DeviceChoice::kCpu;  // Which alone shows what goes into its products.
  return open_engine(file_, options, machine_, needs);
}

Result<void> EngineCalibration::run(quantize::ShowInput show) {
  LINNET_TRY(auto engine, open());
  Observer observer(show);
  engine.observe(&observer);
  ProgressBar bar(console_, "calibrating", ProgressUnit::kItems);
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    LINNET_CHECK(run_window(engine, windows_[i], observer));
    if (console_.stop_requested()) return interrupted();
    bar.update(i + 1, windows_.size());
  }
  return {};
}

}  // namespace linnet::cli
