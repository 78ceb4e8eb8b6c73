// What a model will take of this machine's memory, as rows that a person can read, known before the first token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/engine/device_choice.h"

namespace linnet::engine {

inline constexpr std::size_t kPagePositions = 256;  // Of a page of the KV cache (kernels/attention).

// Pages that so many positions of a sequence take.
[[nodiscard]] constexpr std::size_t pages_of(std::size_t positions) {
  return (positions + kPagePositions - 1) / kPagePositions;
}

// Whose memory a row is.
enum class MemoryKind {
  kMapped,     // The file's pages in the page cache: shared between processes, dropped and re-read under pressure.
  kAnonymous,  // This process's own.
  kDevice,     // A GPU's: its own, or (integrated) the machine's.
};

// One row of the plan.
struct MemoryRow {
  std::string_view name;  // "KV cache": a literal.
  MemoryKind kind = MemoryKind::kAnonymous;
  Bytes size;
  std::string detail;  // "24 layers x 4,096 positions, f16".
};

// The plan of one open (or only planned) model. Rows are in the order in which they are printed.
struct MemoryPlan {
  std::vector<MemoryRow> rows;
  Bytes touched_weights;  // The part of the mapped weights that every forward pass reads.
  Bytes page;             // KV cache of 256 positions of one sequence, all layers.
  std::size_t context = 0;
  std::size_t max_sequences = 0;
  std::size_t full_sequences = 0;  // That the pages of the KV cache are enough for.
  std::size_t max_batch_rows = 0;
  std::size_t max_outputs = 0;
  std::size_t threads = 0;
  DeviceReport device = {};     // What computes.
  bool device_is_host = false;  // The device's memory is the machine's.

  [[nodiscard]] Bytes total(MemoryKind kind) const;

  // What a budget is held against: the anonymous rows and the weights that a forward pass touches (of an untied
  // embedding table only a few pages are), and a device's where that is this machine's memory.
  [[nodiscard]] Bytes budgeted() const {
    return total(MemoryKind::kAnonymous) + touched_weights + (device_is_host ? total(MemoryKind::kDevice) : Bytes{});
  }
};

// The table that `linnet info --plan` prints: one line a row, then the sums. Ends with a newline.
[[nodiscard]] std::string to_text(const MemoryPlan& plan);

// Errors: kExhausted with what is needed, what is available, and the largest context that would fit, if any would.
[[nodiscard]] Result<void> check_budget(const MemoryPlan& plan, Bytes budget);

}  // namespace linnet::engine
