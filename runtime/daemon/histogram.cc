#include "runtime/daemon/histogram.h"

#include <algorithm>
#include <cmath>

namespace linnet::daemon {
namespace {

constexpr double kFirstEdge = 1e-4;
constexpr double kLastEdge = 1e3;

std::array<double, DurationHistogram::kBuckets> make_edges() {
  std::array<double, DurationHistogram::kBuckets> edges{};
  const double step = std::log(kLastEdge / kFirstEdge) / (edges.size() - 1);
  for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = kFirstEdge * std::exp(step * static_cast<double>(i));
  return edges;
}

const std::array<double, DurationHistogram::kBuckets> kEdges = make_edges();

}  // namespace

void DurationHistogram::record(std::chrono::microseconds duration) {
  const double seconds = static_cast<double>(duration.count()) / 1e6;
  const auto place = std::lower_bound(kEdges.begin(), kEdges.end(), seconds);
  ++buckets_[static_cast<std::size_t>(place - kEdges.begin())];
  ++count_;
  sum_ += duration;
}

double DurationHistogram::percentile_seconds(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (count_up_to(bucket) >= std::max<std::uint64_t>(wanted, 1)) return kEdges[bucket];
  }
  return kLastEdge;
}

double DurationHistogram::edge_seconds(std::size_t bucket) { return kEdges[bucket]; }

std::uint64_t DurationHistogram::count_up_to(std::size_t bucket) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bucket; ++i) total += buckets_[i];
  return total;
}

DurationHistogram DurationHistogram::since(const DurationHistogram& earlier) const {
  DurationHistogram difference = *this;
  for (std::size_t i = 0; i < buckets_.size(); ++i) difference.buckets_[i] -= earlier.buckets_[i];
  difference.count_ -= earlier.count_;
  difference.sum_ -= earlier.sum_;
  return difference;
}

}  // namespace linnet::daemon
