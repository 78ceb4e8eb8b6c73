// What `linnet bench` has measured, and how it is printed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hal/energy.h"
#include "models/program.h"
#include "runtime/base/process_memory.h"
#include "runtime/cli/options.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/step_cost.h"
#include "runtime/limits/limits.h"

namespace linnet::cli {

// What one part of the measurement, prefill or decode, costs: an entry a step of the program.
struct PartCosts {
  std::vector<engine::StepCost> steps;

  [[nodiscard]] engine::StepCost sum() const;
};

struct BenchMeasurement {
  double prefill_tokens_per_second = 0;
  double decode_tokens_per_second = 0;
  double load_milliseconds = 0;
  double first_token_milliseconds = 0;
  std::optional<double> heap_calls_per_token;
  hal::Energy energy;  // Of a decoded token, of all that the board used meanwhile.
  ProcessMemory memory;
  engine::DeviceReport device;
  std::optional<limits::MachineLimits> limits;  // Absent where they were not wanted, or a GPU computes.
  // Of so many repeats together: with --profile of all that were measured, else of the first, to warm up.
  std::size_t profiled_repeats = 1;
  PartCosts prefill;
  PartCosts decode;

  // Weights and cache that decoding read, as a share of what reading alone reaches; nothing without limits.
  [[nodiscard]] std::optional<double> decode_fraction_of_bandwidth(const BenchOptions& options) const;
  // Multiply-adds of prefill, as a share of int8 multiplication alone.
  [[nodiscard]] std::optional<double> prefill_fraction_of_peak(const BenchOptions& options) const;
};

[[nodiscard]] std::string json_report(const BenchMeasurement& m, const models::Program& program,
                                      const BenchOptions& options);
[[nodiscard]] std::string text_report(const BenchMeasurement& m, const models::Program& program,
                                      const BenchOptions& options);

// The costs of an operation in all layers together; `name` is the program's without its layer ("blk.3 ").
struct OperationCost {
  std::string name;
  engine::StepCost cost;
};

// The longest first.
[[nodiscard]] std::vector<OperationCost> by_operation(const models::Program& program, const PartCosts& costs);

}  // namespace linnet::cli
