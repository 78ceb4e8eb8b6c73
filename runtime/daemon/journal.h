// What the daemon promised and how it ended: survives kill -9 and power cuts.
//
// accept() returns after the request is on the disk; only then may the broker be told. finish() writes the outcome and
// its outbox row in one transaction. So each accepted (who, id) has exactly one outcome, delivered at least once, the
// same bytes each time. An action's intent is committed before the line is driven; an intent that has no result after a
// restart makes the request fail with `outcome_unknown`, for nobody can know whether it was done.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/daemon/database.h"
#include "runtime/daemon/frame_codec.h"

namespace linnet::daemon {

enum class OutcomeKind : std::uint8_t { kDone = 1, kFailed, kCancelled, kExpired, kRejected };

[[nodiscard]] std::string_view to_string(OutcomeKind kind);

// Who asked, and what they called it: unique together.
struct RequestKey {
  std::string who;
  std::string id;

  friend auto operator<=>(const RequestKey&, const RequestKey&) = default;
};

// Until when a request may start. Boot time counts through suspend, and means nothing in another boot; wall time
// is kept only where the clock was synchronised.
struct Deadline {
  std::chrono::nanoseconds boot_time{0};          // CLOCK_BOOTTIME.
  std::optional<std::chrono::seconds> wall_time;  // Since 1970, where the clock was trusted.
};

// A request as it is kept until it is finished.
struct JournalEntry {
  RequestKey key;
  std::string operation;
  std::string body;  // The request's JSON, as it came.
  std::string reply_topic;
  std::string correlation;  // Opaque bytes, echoed.
  int priority = 0;
  bool durable = false;    // Resumed after a restart, where true.
  std::string pool_model;  // The pool that it came from, or empty.
  std::string boot_id;     // The boot in which it was accepted.
  std::optional<Deadline> deadline;
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::kFailed;
  std::string payload;   // The message as published.
  bool readable = true;  // False: what was kept is damaged, and `payload` is empty.
};

// What accept() found.
struct Acceptance {
  enum class Kind : std::uint8_t { kNew, kPending, kFinished } kind = Kind::kNew;
  std::optional<Outcome> outcome;  // Where finished.
};

// A message that waits to be acknowledged by the broker.
struct OutboxRow {
  std::int64_t sequence = 0;
  std::optional<RequestKey> request;  // Whose outcome it is; none: an event.
  std::string topic;
  std::string correlation;
  std::string payload;
  bool readable = true;  // As in Outcome.
};

struct JournalLimits {
  std::size_t unfinished = 256;  // accept() answers kBusy beyond.
  std::size_t events = 1000;     // add_event() answers kBusy beyond.
  std::chrono::seconds keep_outcomes{std::chrono::hours(24)};
};

// One writer. Not thread-safe: the owner serialises (`Requests`). Errors of all calls: kExhausted (disk full),
// kMalformed (the file is damaged), kDenied (read-only), kBusy, kIo; after an error nothing of that call was kept.
class Journal {
 public:
  [[nodiscard]] static Result<Journal> open(const std::string& path, const JournalLimits& limits);

  // One commit. A key that is known is not changed.
  [[nodiscard]] Result<Acceptance> accept(const JournalEntry& entry);
  // Outcome and outbox row, one commit. False where the request has an outcome already (the first one stays).
  // Errors: kAbsent where it was never accepted.
  [[nodiscard]] Result<bool> finish(const RequestKey& key, const Outcome& outcome, std::chrono::seconds now);
  [[nodiscard]] Result<std::optional<Outcome>> outcome(const RequestKey& key);
  // For an outcome that cannot be read, or that no broker takes: this one stands in its place, in the outbox too. One
  // commit. `now` as for finish().
  [[nodiscard]] Result<void> replace_outcome(const RequestKey& key, const Outcome& outcome, std::chrono::seconds now);
  // Whether it is pending or finished; nothing where the key is unknown.
  [[nodiscard]] Result<std::optional<Acceptance>> find(const RequestKey& key);
  // Accepted and not finished, in the order of acceptance.
  [[nodiscard]] Result<std::vector<JournalEntry>> unfinished();
  [[nodiscard]] Result<std::size_t> unfinished_count();

  // Commits the intent to act. Errors: kBusy where this request intended an action with that name before.
  [[nodiscard]] Result<void> intend(const RequestKey& key, std::string_view action);
  // The action is done and known to be: recorded with finish(), which removes the request's intents.
  [[nodiscard]] Result<bool> has_intent(const RequestKey& key);

  // A durable message that belongs to no request.
  [[nodiscard]] Result<void> add_event(std::string_view topic, std::string_view payload);
  // Up to `limit` rows with sequence > `after`, ascending.
  [[nodiscard]] Result<std::vector<OutboxRow>> outbox(std::int64_t after, std::size_t limit);
  // The broker has it. Not flushed by itself: a crash only delivers it again.
  [[nodiscard]] Result<void> delivered(std::int64_t sequence);

  // The latest time that finish() was given, or 0: where a count of time that needs no clock goes on after a restart.
  [[nodiscard]] Result<std::chrono::seconds> latest_outcome();

  // Forgets outcomes that are older than the limit and delivered. Returns how many.
  [[nodiscard]] Result<int> forget_before(std::chrono::seconds now);

  // Flushes and their time so far, for the telemetry.
  struct FlushCost {
    std::uint64_t commits = 0;
    std::chrono::nanoseconds time{0};
  };
  [[nodiscard]] FlushCost flush_cost() const { return flush_cost_; }

 private:
  Journal(Database database, const JournalLimits& limits) : database_(std::move(database)), limits_(limits) {}
  Result<void> prepare();
  Result<void> commit(Transaction& transaction);
  Result<void> insert(const JournalEntry& entry);

  [[nodiscard]] Result<std::int64_t> version();
  [[nodiscard]] Result<void> write_outcome(std::size_t sql, const RequestKey& key, const Outcome& outcome,
                                           std::chrono::seconds now);

  Database database_;
  FrameCodec codec_;  // Outcomes are kept as frames.
  JournalLimits limits_;
  FlushCost flush_cost_;
  std::vector<Statement> statements_;
};

}  // namespace linnet::daemon
