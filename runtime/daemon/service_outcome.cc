// The service's end: outcomes are kept, and go out until the broker has them.

#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {
namespace {

constexpr std::size_t kMostInFlight = 20;  // Messages of QoS 1 that libmosquitto holds; the rest waits in the outbox.
constexpr std::chrono::seconds kForgetEvery{60};
constexpr std::size_t kMostRecent = 16;
// What the device says in an outcome's place is smaller; where a broker does not take that either, nothing helps.
constexpr std::size_t kSmallMessage = 1024;

}  // namespace

void Service::end(const RequestKey& key, OutcomeKind kind, std::string_view reason, std::string_view detail) {
  std::string message;
  write_ended(message, key.id, kind, reason, detail);
  finish(key, kind, std::move(message));
}

void Service::finish(const RequestKey& key, OutcomeKind kind, std::string payload) {
  const std::lock_guard lock(journal_mutex_);
  finish_locked(key, kind, std::move(payload));
}

void Service::finish_locked(const RequestKey& key, OutcomeKind kind, std::string payload) {
  Outcome outcome{kind, std::move(payload)};
  if (!keep(key, outcome)) unkept_.emplace_back(key, std::move(outcome));
  forget(key);
  pump_outbox();
}

// Nobody is told an outcome that is not on the disk; one that could not be kept is tried again by tick(), and after a
// restart the journal still knows the request as unfinished.
bool Service::keep(const RequestKey& key, const Outcome& outcome) {
  fail_point(FailPoint::kEnded);
  const auto finished = journal_.finish(key, outcome, age());
  if (!finished && !unsound_) log(LogLevel::kError, "an outcome cannot be kept yet: " + finished.error().message);
  unsound_ = !finished;
  if (!finished) return false;
  fail_point(FailPoint::kOutcomeKept);
  if (*finished) count(outcome.kind);
  if (*finished) note_recent(key, outcome.kind);
  return true;
}

// Not the time of day: a board without a clock begins in another year, and setting it would make every outcome old at
// once; a duplicate would then be done again.
std::chrono::seconds Service::age() const {
  return age_offset_ + std::chrono::duration_cast<std::chrono::seconds>(clock_.boot_time());
}

void Service::note_recent(const RequestKey& key, OutcomeKind kind) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(key);
  if (found == active_.end()) return;
  const Active& active = *found->second;
  const auto total = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - active.accepted);
  recent_.push_front({key, active.request.operation, kind, total, active.tokens});
  if (recent_.size() > kMostRecent) recent_.pop_back();
}

void Service::keep_what_failed() {
  while (!unkept_.empty()) {
    const auto& [key, outcome] = unkept_.front();
    if (!keep(key, outcome)) return;
    unkept_.erase(unkept_.begin());
  }
}

void Service::count(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kDone: ++counters_.done; break;
    case OutcomeKind::kFailed: ++counters_.failed; break;
    case OutcomeKind::kCancelled: ++counters_.cancelled; break;
    case OutcomeKind::kExpired: ++counters_.expired; break;
    case OutcomeKind::kRejected: ++counters_.rejected; break;
  }
}

void Service::pump_outbox() {
  settle_acknowledged();
  while (in_flight_.size() < kMostInFlight) {
    const auto rows = journal_.outbox(handed_over_, kMostInFlight - in_flight_.size());
    if (!rows || rows->empty()) break;
    for (const OutboxRow& row : *rows) {
      if (!hand_over(row)) return;
    }
  }
  const std::lock_guard lock(mutex_);
  flush_cost_ = journal_.flush_cost();
}

// False where nothing more can be sent now. What cannot be sent at all is no reason for what lies behind it to wait.
bool Service::hand_over(const OutboxRow& row) {
  if (!row.readable) return stand_in(row, "io", "what was kept of its outcome is damaged");
  OutgoingMessage message;
  message.topic = row.topic;
  message.payload = row.payload;
  message.qos = 1;
  message.correlation = row.correlation;
  const auto token = publisher_.publish(message);
  if (!token && token.error().kind == ErrorKind::kUsage) {
    return stand_in(row, "does_not_fit", "the broker does not take a message of that size: " + token.error().message);
  }
  if (!token) return false;
  fail_point(FailPoint::kOutcomeSent);
  in_flight_[*token] = row.sequence;
  handed_over_ = row.sequence;
  return true;
}

// Another outcome in the place of one that can never be delivered, sent next; an event goes away. False where the
// journal does not take that now.
bool Service::stand_in(const OutboxRow& row, std::string_view reason, std::string_view detail) {
  const bool small = row.readable && row.payload.size() < kSmallMessage;
  if (row.request && !small) {
    const auto outcome = replace_outcome(*row.request, reason, detail);
    if (!outcome) return false;
    OutboxRow again = row;
    again.payload = outcome->payload;
    again.readable = true;
    return hand_over(again);
  }
  ++counters_.undeliverable;
  log(LogLevel::kError, "a message to " + row.topic + " cannot be sent: " + std::string(detail));
  handed_over_ = row.sequence;
  (void)journal_.delivered(row.sequence);
  return true;
}

// An outcome that was kept and is no use to anybody: its request has failed from now on. Nobody got the earlier one as
// far as this device knows.
std::optional<Outcome> Service::replace_outcome(const RequestKey& key, std::string_view reason,
                                                std::string_view detail) {
  Outcome outcome{OutcomeKind::kFailed, ""};
  write_ended(outcome.payload, key.id, outcome.kind, reason, detail);
  const auto replaced = journal_.replace_outcome(key, outcome, age());
  if (!replaced) {
    log(LogLevel::kError, "an outcome cannot be replaced yet: " + replaced.error().message);
    return std::nullopt;
  }
  ++counters_.replaced;
  audit(AuditKind::kAct, key.who, "outcome", key.id,
        "replaced by failed, " + std::string(reason) + ": " + std::string(detail));
  return outcome;
}

// Of a request that ended, readable where it can be made so.
std::optional<Outcome> Service::kept_outcome(const RequestKey& key) {
  auto outcome = journal_.outcome(key);
  if (!outcome || !*outcome) return std::nullopt;
  if ((*outcome)->readable) return *std::move(outcome);
  return replace_outcome(key, "io", "what was kept of its outcome is damaged");
}

// The broker's acknowledgements so far, taken off the outbox.
void Service::settle_acknowledged() {
  std::vector<std::pair<int, bool>> tokens;
  {
    const std::lock_guard lock(mutex_);
    if (acknowledged_.empty()) return;
    tokens.assign(acknowledged_.begin(), acknowledged_.end());
    acknowledged_.clear();
  }
  for (const auto& [token, accepted] : tokens) {
    const auto found = in_flight_.find(token);
    if (found == in_flight_.end()) continue;
    // Refused by the broker (ACL, quota): sending it again would be refused again. The outcome stays readable by its
    // id.
    if (!accepted) ++counters_.undeliverable;
    fail_point(FailPoint::kAcknowledged);
    (void)journal_.delivered(found->second);
    in_flight_.erase(found);
  }
}

void Service::on_acknowledged(int token, bool accepted) {
  {
    const std::lock_guard lock(mutex_);
    acknowledged_.emplace_back(token, accepted);
  }
  // The MQTT thread does not wait for a disk: where somebody works with the journal, that one or the next tick settles
  // it.
  const std::unique_lock journal(journal_mutex_, std::try_to_lock);
  if (journal) pump_outbox();
}

void Service::on_online() {
  const std::unique_lock journal(journal_mutex_, std::try_to_lock);
  if (journal) pump_outbox();
}

void Service::add_event(std::string_view tail, std::string_view payload) {
  const std::lock_guard lock(journal_mutex_);
  (void)journal_.add_event(device_topic(options_.address, tail), payload);
  pump_outbox();
}

void Service::tick() {
  end_expired();
  // A disk that is slow now does not stop the timer.
  const std::unique_lock journal(journal_mutex_, std::try_to_lock);
  if (!journal) return;
  keep_what_failed();
  if (age() - last_forgetting_ >= kForgetEvery) {
    last_forgetting_ = age();
    (void)journal_.forget_before(last_forgetting_);
  }
  pump_outbox();
}

}  // namespace linnet::daemon
