#include "runtime/daemon/admission.h"

#include <algorithm>
#include <utility>

namespace linnet::daemon {
namespace {

constexpr std::size_t kMostBuckets = 1024;  // Identities remembered for their rate; full buckets are forgotten first.
constexpr double kServiceTimeWeight = 0.1;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

tl::expected<void, Refusal> AdmissionQueue::admit(const std::string& who, Clock::time_point now) {
  if (size() >= limits_.waiting) {
    return tl::unexpected(refuse(ReasonCode::kServerBusy, "the queue is full", expected_wait(1)));
  }
  if (waiting_of(who) >= limits_.waiting_per_client) {
    return tl::unexpected(
        refuse(ReasonCode::kQuotaExceeded, "too many requests of this client wait", expected_wait(1)));
  }
  return admit_now(who, now);
}

tl::expected<void, Refusal> AdmissionQueue::admit_now(const std::string& who, Clock::time_point now) {
  const auto wait = wait_for_token(who, now);
  if (!wait) return {};
  return tl::unexpected(refuse(ReasonCode::kQuotaExceeded, "this client asks too often", *wait));
}

Refusal AdmissionQueue::refuse(ReasonCode code, const char* reason, std::chrono::milliseconds retry_after) const {
  return {{code, reason}, std::max(retry_after, std::chrono::milliseconds(1))};
}

// A token bucket: nothing, and one token less; or how long until there is one.
std::optional<std::chrono::milliseconds> AdmissionQueue::wait_for_token(const std::string& who, Clock::time_point now) {
  if (!buckets_.contains(who) && buckets_.size() >= kMostBuckets) forget_idle_clients(now);
  auto [found, is_new] = buckets_.try_emplace(who, Bucket{limits_.burst, now});
  Bucket& bucket = found->second;
  const double refill = seconds_between(bucket.filled, now) * limits_.requests_per_second;
  bucket.tokens = std::min(limits_.burst, bucket.tokens + refill);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  const double missing_seconds = (1 - bucket.tokens) / limits_.requests_per_second;
  return std::chrono::milliseconds(static_cast<std::int64_t>(missing_seconds * 1000) + 1);
}

void AdmissionQueue::forget_idle_clients(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& entry) {
    const Bucket& bucket = entry.second;
    return bucket.tokens + seconds_between(bucket.filled, now) * limits_.requests_per_second >= limits_.burst;
  });
}

const Waiting* AdmissionQueue::next() const {
  for (std::size_t level = std::size(queues_); level-- > 0;) {
    if (!queues_[level].empty()) return &queues_[level].front();
  }
  return nullptr;
}

std::size_t AdmissionQueue::before(Priority priority) const {
  std::size_t before = 0;
  for (auto level = static_cast<std::size_t>(priority); level < std::size(queues_); ++level) {
    before += queues_[level].size();
  }
  return before;
}

std::size_t AdmissionQueue::push(Waiting waiting) {
  const auto own = static_cast<std::size_t>(waiting.priority);
  const std::size_t before = this->before(waiting.priority);
  ++waiting_[waiting.key.who];
  queues_[own].push_back(std::move(waiting));
  return before;
}

std::vector<Waiting> AdmissionQueue::take(std::size_t most) {
  std::vector<Waiting> batch;
  for (std::size_t level = std::size(queues_); level-- > 0;) {
    auto& queue = queues_[level];
    while (!queue.empty() && batch.size() < most) {
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
    }
  }
  for (const Waiting& entry : batch) {
    if (--waiting_[entry.key.who] == 0) waiting_.erase(entry.key.who);
  }
  return batch;
}

std::vector<Waiting> AdmissionQueue::take_expired(Clock::time_point now) {
  std::vector<Waiting> expired;
  for (const auto& queue : queues_) {
    for (const Waiting& entry : queue) {
      if (entry.deadline && *entry.deadline <= now) expired.push_back(entry);
    }
  }
  for (const Waiting& entry : expired) remove(entry.key);
  return expired;
}

bool AdmissionQueue::remove(const RequestKey& key) {
  for (auto& queue : queues_) {
    const auto found = std::find_if(queue.begin(), queue.end(), [&](const Waiting& w) { return w.key == key; });
    if (found == queue.end()) continue;
    queue.erase(found);
    if (--waiting_[key.who] == 0) waiting_.erase(key.who);
    return true;
  }
  return false;
}

std::size_t AdmissionQueue::size() const {
  std::size_t total = 0;
  for (const auto& queue : queues_) total += queue.size();
  return total;
}

std::size_t AdmissionQueue::waiting_of(const std::string& who) const {
  const auto found = waiting_.find(who);
  return found == waiting_.end() ? 0 : found->second;
}

void AdmissionQueue::note_service_time(std::chrono::milliseconds time) {
  service_ms_ += kServiceTimeWeight * (static_cast<double>(time.count()) - service_ms_);
}

std::chrono::milliseconds AdmissionQueue::expected_wait(std::size_t before) const {
  return std::chrono::milliseconds(static_cast<std::int64_t>(service_ms_ * static_cast<double>(before)));
}

bool AdmissionQueue::over_high_water() {
  const auto fill = static_cast<double>(size()) / static_cast<double>(limits_.waiting);
  high_ = high_ ? fill >= limits_.low_water : fill > limits_.high_water;
  return high_;
}

}  // namespace linnet::daemon
