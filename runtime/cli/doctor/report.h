// What `linnet doctor` found, as a value: gathered once, written as a page for people or as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/placement.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/cli/console.h"
#include "runtime/cli/options.h"
#include "runtime/limits/advice.h"
#include "runtime/limits/limits.h"
#include "runtime/limits/memory_costs.h"

namespace linnet::cli::doctor {

// Kernel families that run the same variant.
struct KernelRow {
  std::string variant;
  std::string families;  // "matmul, limits"
  std::string why;
};

struct GpuReport {
  bool usable = false;
  std::string reason;
};

struct BrokerReport {
  std::string address;  // "localhost:1883"
  bool reachable = false;
  std::string detail;  // "answered after 0.4 ms", or why not.
};

struct Report {
  std::string source;     // "this machine", "recorded in DIR", "simulated by FILE".
  std::string processor;  // Its name and features.
  hal::Facts facts;
  hal::Vitals vitals;
  hal::Placement placement;
  std::vector<KernelRow> kernels;      // Empty where the board is not this machine.
  std::optional<std::string> not_run;  // Why nothing was measured.
  std::optional<limits::MachineLimits> limits;
  std::optional<limits::MemoryCosts> memory_costs;
  std::optional<Bytes> available;  // For a model.
  std::vector<limits::Advice> advice;
  std::vector<hal::LineInfo> lines;
  std::string no_lines;  // Why there are none.
  std::optional<GpuReport> gpu;
  std::optional<BrokerReport> broker;  // Absent where none is configured.
};

// Reads the board that `options` name and, where it is this machine and nobody said --quick, measures its limits.
// Errors: those of SimBoard::load, limits::measure and the configuration's reader; kUsage (LINNET_KERNEL).
[[nodiscard]] Result<Report> gather(const DoctorOptions& options, const Console& console);

// Tries to connect to the broker that linnetd's configuration at `path` names. Nothing where there is no such file.
// Errors: kUsage (the file is no TOML).
[[nodiscard]] Result<std::optional<BrokerReport>> look_for_broker(const std::string& path);

[[nodiscard]] std::string page_of(const Report& report);
[[nodiscard]] std::string json_of(const Report& report);

}  // namespace linnet::cli::doctor
