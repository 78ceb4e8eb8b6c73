#include "runtime/cli/sequence_logits.h"

#include <algorithm>
#include <vector>

namespace linnet::cli {
namespace {

constexpr std::size_t kRowsOfAStep = 32;  // 19 MiB of logits for a vocabulary of 150,000.

// Gives a sequence back at the end of a scope.
class SequenceScope {
 public:
  SequenceScope(engine::Engine& engine, engine::SequenceId sequence) : engine_(engine), sequence_(sequence) {}
  SequenceScope(const SequenceScope&) = delete;
  SequenceScope& operator=(const SequenceScope&) = delete;
  ~SequenceScope() { engine_.end_sequence(sequence_); }

 private:
  engine::Engine& engine_;
  engine::SequenceId sequence_;
};

}  // namespace

EngineNeeds needs_of_all_logits(std::size_t context) {
  const std::size_t rows = std::min(context, kRowsOfAStep);
  return {.context = context, .max_batch_rows = rows, .max_outputs = rows};
}

Result<void> for_each_logits(engine::Engine& engine, std::span<const engine::TokenId> tokens, const Console& console,
                             UseLogits use) {
  LINNET_TRY(const auto sequence, engine.begin_sequence());
  const SequenceScope scope(engine, sequence);
  std::vector<engine::BatchRow> rows;
  for (std::size_t first = 0; first < tokens.size(); first += rows.size()) {
    rows.clear();
    const std::size_t end = std::min(tokens.size(), first + engine.options().max_batch_rows);
    for (std::size_t i = first; i < end; ++i) {
      rows.push_back({tokens[i], sequence, static_cast<std::uint32_t>(i), true});
    }
    LINNET_TRY(const ConstTensorView logits, engine.step(rows));
    for (std::size_t row = 0; row < rows.size(); ++row) LINNET_CHECK(use(first + row, logits.row(row)));
    if (console.stop_requested()) return interrupted();
  }
  return {};
}

}  // namespace linnet::cli
