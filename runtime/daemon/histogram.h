// A histogram of durations with fixed buckets: p50, p95, p99 for people, cumulative buckets for Prometheus.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace linnet::daemon {

// Buckets grow by a factor of about 1.33 from 0.1 ms to 1,000 s; a percentile is exact to that. Recording allocates
// nothing.
class DurationHistogram {
 public:
  static constexpr std::size_t kBuckets = 57;

  void record(std::chrono::microseconds duration);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_.count()) / 1e6; }
  // The upper edge of the bucket that holds the `share`-th (0 to 1) of the durations, in seconds; 0 without any.
  [[nodiscard]] double percentile_seconds(double share) const;

  // Upper edge of a bucket in seconds, and how many durations lie in it or below.
  [[nodiscard]] static double edge_seconds(std::size_t bucket);
  [[nodiscard]] std::uint64_t count_up_to(std::size_t bucket) const;

  // What was recorded since `earlier`, a copy of this histogram from then.
  [[nodiscard]] DurationHistogram since(const DurationHistogram& earlier) const;

 private:
  std::array<std::uint64_t, kBuckets + 1> buckets_{};  // The last is for what is over every edge.
  std::uint64_t count_ = 0;
  std::chrono::microseconds sum_{0};
};

}  // namespace linnet::daemon
