#include "runtime/daemon/service.h"

#include <sys/timex.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "runtime/daemon/active.h"

namespace linnet::daemon {
namespace {

constexpr std::chrono::milliseconds kStopPoll{100};
constexpr std::size_t kChunkMessage =
    std::size_t{16} * 1024;  // Eight tokens, each of their bytes escaped, and an id of 64.

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Clock::time_point ServiceClock::now() const { return Clock::now(); }
std::chrono::nanoseconds ServiceClock::boot_time() const { return read_clock(CLOCK_BOOTTIME); }

std::optional<std::chrono::seconds> ServiceClock::trusted_wall() const {
  timex state{};
  const bool synchronised = adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  return synchronised ? std::optional(wall()) : std::nullopt;
}

std::chrono::seconds ServiceClock::wall() const {
  return std::chrono::duration_cast<std::chrono::seconds>(read_clock(CLOCK_REALTIME));
}

Service::Service(ServiceOptions options, Journal journal, Backend& backend, Publisher& publisher,
                 Operations& operations, ServiceClock& clock)
    : options_(std::move(options)),
      backend_(backend),
      publisher_(publisher),
      operations_(operations),
      clock_(clock),
      journal_(std::move(journal)),
      queue_(options_.admission) {
  acknowledged_.reserve(64);
  chunk_message_.reserve(kChunkMessage);
}

Service::~Service() = default;

Result<void> Service::recover() {
  const std::lock_guard lock(journal_mutex_);
  LINNET_TRY(const auto latest, journal_.latest_outcome());
  age_offset_ = latest - std::chrono::duration_cast<std::chrono::seconds>(clock_.boot_time());
  LINNET_TRY(const auto entries, journal_.unfinished());
  for (const JournalEntry& entry : entries) LINNET_CHECK(take_up(entry));
  return {};
}

// What an earlier run left, with the journal's mutex held.
Result<void> Service::take_up(const JournalEntry& entry) {
  const auto finish_as = [&](OutcomeKind kind, std::string_view reason, std::string_view detail) {
    std::string message;
    write_ended(message, entry.key.id, kind, reason, detail);
    finish_locked(entry.key, kind, std::move(message));
    return Result<void>();
  };
  LINNET_TRY(const bool acted, journal_.has_intent(entry.key));
  if (acted) return finish_as(OutcomeKind::kFailed, "outcome_unknown", "the device stopped while it acted");
  if (expired(entry)) {
    return finish_as(OutcomeKind::kExpired, "deadline", "the deadline passed while the device was down");
  }
  const auto operation = parse_operation(entry.operation);
  auto request = operation ? parse_request(*operation, entry.body, options_.request)
                           : tl::unexpected(Rejection{ReasonCode::kImplementationError, "unknown operation"});
  if (!entry.durable || !request) {
    return finish_as(OutcomeKind::kFailed, "restart", "the device restarted; the request was not marked durable");
  }
  auto active = std::make_shared<Active>(*std::move(request), entry, options_.default_max_tokens, clock_.now());
  if (entry.deadline && entry.boot_id == options_.boot_id) {
    active->request.deadline =
        std::chrono::duration_cast<std::chrono::milliseconds>(entry.deadline->boot_time - clock_.boot_time());
  }
  enqueue(std::move(active));
  return {};
}

// A deadline of another boot counts only by a clock that is trusted now and was trusted then.
bool Service::expired(const JournalEntry& entry) const {
  if (!entry.deadline) return false;
  if (entry.boot_id == options_.boot_id) return clock_.boot_time() >= entry.deadline->boot_time;
  const auto wall = clock_.trusted_wall();
  return !wall || !entry.deadline->wall_time || *wall >= *entry.deadline->wall_time;
}

void Service::enqueue(std::shared_ptr<Active> active) {
  const std::lock_guard lock(mutex_);
  Waiting waiting{active->key, active->request.priority, std::nullopt};
  if (active->request.deadline) waiting.deadline = active->accepted + *active->request.deadline;
  active_[active->key] = std::move(active);
  queue_.push(std::move(waiting));
  work_.notify_one();
}

void Service::reply(const std::string& topic, std::string_view correlation, std::string_view payload, int qos) {
  OutgoingMessage message;
  message.topic = topic;
  message.payload = payload;
  message.qos = qos;
  message.correlation = correlation;
  // Not connected: what matters is in the outbox; an acknowledgement or a chunk that is lost is asked for again.
  (void)publisher_.publish(message);
}

void Service::forget(const RequestKey& key) {
  const std::lock_guard lock(mutex_);
  active_.erase(key);
  work_.notify_all();
}

void Service::stop(std::chrono::milliseconds deadline) {
  std::vector<RequestKey> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, active] : active_) {
      // A durable request that has not begun stays in the journal, for the next start.
      if (!active->running && !active->request.durable) waiting.push_back(key);
    }
    (void)queue_.take(queue_.size());
  }
  for (const RequestKey& key : waiting) end(key, OutcomeKind::kFailed, "stopping", "the device stops");
  work_.notify_all();
  const auto limit = Clock::now() + deadline;
  std::unique_lock lock(mutex_);
  const auto runs = [this] {
    return std::any_of(active_.begin(), active_.end(), [](const auto& entry) { return entry.second->running; });
  };
  while (runs() && Clock::now() < limit) work_.wait_for(lock, kStopPoll);
  for (auto& [key, active] : active_) {
    active->stopped = true;
    active->cancelled = true;
  }
}

void Service::set_policy(const RoleMap& roles, const AdmissionLimits& admission) {
  const std::lock_guard lock(mutex_);
  options_.roles = roles;
  options_.admission = admission;
  queue_.set_limits(admission);
}

std::size_t Service::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::vector<RecentRequest> Service::recent() const {
  const std::lock_guard lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

Journal::FlushCost Service::flush_cost() const {
  const std::lock_guard lock(mutex_);
  return flush_cost_;
}

bool Service::wants_pool_work() {
  const std::lock_guard lock(mutex_);
  return !stopping_ && !unsound_ && !queue_.over_high_water();
}

}  // namespace linnet::daemon
