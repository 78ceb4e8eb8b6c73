// What waits for the engine: a bounded queue with priorities, and a quota for each client.
//
// Time is given, never asked for, so that an hour of load is a table in a test.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "runtime/base/clock.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/reason.h"
#include "runtime/daemon/request.h"

namespace linnet::daemon {

struct AdmissionLimits {
  std::size_t waiting = 64;  // In all priorities together.
  std::size_t waiting_per_client = 16;
  double requests_per_second = 20;  // A client's sustained rate …
  double burst = 40;                // … and what it may have saved up.
  double high_water = 0.75;         // Of `waiting`: over it the device leaves its pools,
  double low_water = 0.25;          // under it, it comes back.
};

// A request that waits. The rest of it is with whoever queued it.
struct Waiting {
  RequestKey key;
  Priority priority = Priority::kNormal;
  std::optional<Clock::time_point> deadline;  // Not started after that.
};

// A refusal for now: when to ask again.
struct Refusal {
  Rejection rejection;
  std::chrono::milliseconds retry_after{0};
};

// Not thread-safe.
class AdmissionQueue {
 public:
  explicit AdmissionQueue(const AdmissionLimits& limits) : limits_(limits) {}

  // From now on; what waits stays.
  void set_limits(const AdmissionLimits& limits) { limits_ = limits; }

  // Whether `who` may send one more request now; counts against its rate where it may. Ask before the journal keeps the
  // request: nothing that is refused here was promised.
  [[nodiscard]] tl::expected<void, Refusal> admit(const std::string& who, Clock::time_point now);
  // The same of its rate alone: for what does not wait in the queue.
  [[nodiscard]] tl::expected<void, Refusal> admit_now(const std::string& who, Clock::time_point now);

  // Puts an admitted (or resumed) request at the end of its priority. Returns how many will start before it.
  std::size_t push(Waiting waiting);

  // The request that starts next; null where none waits. Valid until the queue changes.
  [[nodiscard]] const Waiting* next() const;

  // How many start before a new request of that priority.
  [[nodiscard]] std::size_t before(Priority priority) const;

  // Up to `most` requests to start now, by priority and then by age: one batch.
  [[nodiscard]] std::vector<Waiting> take(std::size_t most);

  // Removes and returns those whose deadline has passed.
  [[nodiscard]] std::vector<Waiting> take_expired(Clock::time_point now);

  // Removes a waiting request; false where it does not wait.
  bool remove(const RequestKey& key);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t waiting_of(const std::string& who) const;

  // How long one request takes, to tell when to ask again (an average that follows slowly).
  void note_service_time(std::chrono::milliseconds time);
  [[nodiscard]] std::chrono::milliseconds expected_wait(std::size_t before) const;

  // With hysteresis: true once the queue grew over the high mark, until it fell under the low one.
  [[nodiscard]] bool over_high_water();

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };

  [[nodiscard]] Refusal refuse(ReasonCode code, const char* reason, std::chrono::milliseconds retry_after) const;
  std::optional<std::chrono::milliseconds> wait_for_token(const std::string& who, Clock::time_point now);
  void forget_idle_clients(Clock::time_point now);

  AdmissionLimits limits_;
  std::deque<Waiting> queues_[3];  // By Priority.
  std::map<std::string, std::size_t> waiting_;
  std::map<std::string, Bucket> buckets_;
  double service_ms_ = 500;
  bool high_ = false;
};

}  // namespace linnet::daemon
