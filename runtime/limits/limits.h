// What this machine can do at most, measured in about a second: read memory, multiply int8, stream weights.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/variant.h"
#include "runtime/base/cpu_features.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet::limits {

// A figure that was measured several times. What lies far from the median was disturbed by other programs.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

// Sorts. Asserts that there is one.
[[nodiscard]] Spread spread_of(std::vector<double> values);

// The bandwidth of so many threads together.
struct ReadBandwidth {
  std::size_t threads = 0;
  Spread gb_s;  // 10^9 bytes a second.
};

struct MachineLimits {
  std::vector<ReadBandwidth> read;  // Ascending by threads, 1 and all among them.
  Spread int8_gop_s;                // Of all threads, 10^9 a second; a multiply-add counts as two.
  // How fast decoding's own kernel goes through weights with all threads: less than what reading alone reaches where
  // the processor, not the memory, is the limit.
  Spread int4_weights_gb_s;  // Q4_0.
  Spread int8_weights_gb_s;  // Q8_0.
  Spread barrier_us;         // Handing a job to all threads and waiting for the last.

  [[nodiscard]] const Spread& read_gb_s() const { return read.back().gb_s; }
};

struct MeasureOptions {
  std::size_t threads = 1;
  CpuFeatures cpu;
  kernels::ForcedVariants forced;
  Bytes buffer{std::uint64_t{256} << 20};  // Beyond every cache; a multiple of 1 MiB.
  std::size_t repeats = 5;
};

// As much as there is to spare of what is available, at most the default and at least 16 MiB.
[[nodiscard]] Bytes buffer_within(std::optional<Bytes> available);

// Called between passes; false stops.
using Watch = FunctionRef<bool(std::size_t done, std::size_t all)>;

// Measures the figures once a sample, so that a caller can alternate them with what they are the limits of. Keeps
// `buffer` of memory and its own threads, idle between samples.
class Meter {
 public:
  // Errors: kUsage (no such variant, threads out of range), kExhausted.
  [[nodiscard]] static Result<Meter> create(const MeasureOptions& options);  // `repeats` does not count.
  Meter(Meter&&) noexcept;
  Meter& operator=(Meter&&) noexcept;
  ~Meter();

  void sample();
  // Of the samples so far. Asserts that there is one.
  [[nodiscard]] MachineLimits summary() const;

 private:
  struct State;
  explicit Meter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Takes `buffer` of memory while it runs. The repeats of the figures alternate, so that a disturbance hits all alike.
// Errors: kUsage (no such variant, threads out of range), kExhausted, kInterrupted (the watch said so).
[[nodiscard]] Result<MachineLimits> measure(const MeasureOptions& options, Watch watch);

}  // namespace linnet::limits
