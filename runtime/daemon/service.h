// The life of a request: received, checked, kept, acknowledged, run, answered, once.
//
// The MQTT threads call receive() and on_acknowledged(), one worker thread calls run_next(), a timer calls tick(). A
// request is on the disk before receive() returns, and libmosquitto acknowledges only then.
//
// Two mutexes: one of the journal and the outbox, held while the disk works; one of the queue and the running answers,
// held for moments only. Tokens, cancellations, refusals and readings take only the second: a slow disk does not hold
// them up. Whoever takes both takes the journal's first.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/function_ref.h"
#include "runtime/daemon/admission.h"
#include "runtime/daemon/backend.h"
#include "runtime/daemon/caught.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/messages.h"
#include "runtime/daemon/mqtt_session.h"
#include "runtime/daemon/request.h"
#include "runtime/daemon/roles.h"
#include "runtime/daemon/stream.h"
#include "runtime/daemon/topics.h"

namespace linnet::daemon {

// Where messages go; the MQTT session in life, a list in tests. Thread-safe, does not call back into the service.
class Publisher {
 public:
  virtual ~Publisher() = default;
  [[nodiscard]] virtual Result<int> publish(const OutgoingMessage& message) = 0;
};

// Times that the service asks for, so that tests can be other boots and other days.
struct ServiceClock {
  virtual ~ServiceClock() = default;
  [[nodiscard]] virtual Clock::time_point now() const;
  [[nodiscard]] virtual std::chrono::nanoseconds boot_time() const;                // CLOCK_BOOTTIME.
  [[nodiscard]] virtual std::optional<std::chrono::seconds> trusted_wall() const;  // Only while synchronised.
  [[nodiscard]] virtual std::chrono::seconds wall() const;                         // For people.
};

class AnswerActions;
class AuditTrail;
enum class AuditKind : int;
class GenerationFigures;
class Pacer;

struct ServiceOptions {
  DeviceAddress address;
  std::string reply_prefix;  // Topics below it are allowed as reply topics, beside rsp/{who}/.
  std::string boot_id;       // /proc/sys/kernel/random/boot_id.
  RoleMap roles;
  AdmissionLimits admission;
  RequestLimits request;
  std::uint32_t default_max_tokens = 256;
  std::size_t replay_answers = 64;       // Finished answers whose chunks are kept for replay.
  AnswerActions* actions = nullptr;      // Borrowed; null: answers bring nothing about.
  GenerationFigures* figures = nullptr;  // Borrowed; null: nothing is recorded.
  AuditTrail* audit = nullptr;           // Borrowed; null: the log alone has the records.
  const Pacer* pacer = nullptr;          // Borrowed; null: the board never has reason to refuse work.
  double tariff = 0;                     // Of a kilowatt hour, in the owner's currency; 0: costs are not told.
  bool keeps_durable = true;             // False where the journal is in memory: durable requests are refused.
};

// Operations that are no generation.
class Operations {
 public:
  virtual ~Operations() = default;
  // Reads something: status, models, rebirth, a GPIO line. Quick: called on the MQTT thread. Returns a JSON value.
  [[nodiscard]] virtual Result<std::string> inspect(std::string_view who, const Request& request) = 0;
  // Changes something: drives a line, loads or unloads a model. Called on the worker thread, after its intent is on the
  // disk.
  [[nodiscard]] virtual Result<std::string> act(std::string_view who, const Request& request) = 0;
  // Computes something that may be computed again: embeddings. Called on the worker thread; asks `stopped` now and
  // then, and ends with kInterrupted where that is so.
  [[nodiscard]] virtual Result<std::string> compute(const Request& request, FunctionRef<bool()> stopped) = 0;
  // act() did not return: nobody knows what it did. Puts what it may have driven into its safe state.
  virtual void make_safe(const Request& /*request*/) {}
};

// What a model's answer brings about, by the configured rules.
class AnswerActions {
 public:
  struct Deed {
    std::string rule;
    std::string target;   // "line BEDROOM_LIGHT", "topic home/lamp": for the message and the intent.
    std::string refused;  // Why it may not be done ("confidence", "rate", "interlock"), or empty.
  };
  virtual ~AnswerActions() = default;
  [[nodiscard]] virtual std::vector<Deed> deeds_of(std::string_view answer, std::optional<double> confidence) = 0;
  // Called after the intent is on the disk.
  [[nodiscard]] virtual Result<void> perform(const Deed& deed) = 0;
  // perform() did not return: see Operations::make_safe.
  virtual void make_safe(const Deed& /*deed*/) {}
};

// A request that ended, for whoever watches the device.
struct RecentRequest {
  RequestKey key;
  OperationKind operation = OperationKind::kInfer;
  OutcomeKind outcome = OutcomeKind::kDone;
  std::chrono::milliseconds total{0};  // From its acceptance on.
  std::uint64_t tokens = 0;
};

// What telemetry reads; all since the start.
struct ServiceCounters {
  std::atomic<std::uint64_t> received{0}, accepted{0}, duplicates{0}, rejected{0};
  std::atomic<std::uint64_t> done{0}, failed{0}, cancelled{0}, expired{0};
  std::atomic<std::uint64_t> tokens{0};
  std::atomic<std::uint64_t> undeliverable{0};  // Messages that the broker refused, or that cannot be sent at all.
  std::atomic<std::uint64_t> replaced{0};       // Outcomes that were damaged or too large, and are `failed` now.
};

class Service final : public JobListener {
 public:
  Service(ServiceOptions options, Journal journal, Backend& backend, Publisher& publisher, Operations& operations,
          ServiceClock& clock);
  ~Service() override;

  // Takes up what an earlier run left: resumes durable requests, ends the others, each with its one outcome. Call once,
  // first.
  [[nodiscard]] Result<void> recover();

  // A message from the control or the pool session. Throws nothing: what cannot be taken in is refused.
  void receive(const IncomingMessage& message);

  // Runs the next batch, waiting at most `patience` for one. False when stop() was called and nothing is left to run.
  // Throws nothing: what is thrown meanwhile ends the requests that it hit as `failed`, with the next call.
  bool run_next(std::chrono::milliseconds patience);

  // Ends expired requests, forgets old outcomes, sends what waits in the outbox.
  void tick();

  void on_acknowledged(int token, bool accepted);

  // No new work is taken (busy); what runs may end until `deadline`, the rest fails with "stopping".
  void stop(std::chrono::milliseconds deadline);

  [[nodiscard]] const ServiceCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t queue_depth() const;
  // The newest first.
  [[nodiscard]] std::vector<RecentRequest> recent() const;
  [[nodiscard]] Journal::FlushCost flush_cost() const;
  // When a token last came. Takes no lock.
  [[nodiscard]] Clock::time_point last_progress() const { return Clock::time_point(Clock::duration(progress_.load())); }
  // What a new configuration changes; requests that are here stay.
  void set_policy(const RoleMap& roles, const AdmissionLimits& admission);
  // The broker is back: what waits for it goes out.
  void on_online();
  // Keeps a message under the device's topic until the broker has it.
  void add_event(std::string_view tail, std::string_view payload);
  [[nodiscard]] bool wants_pool_work();  // False over the high-water mark, or without a sound journal.

  // JobListener
  void on_text(const Job& job, text::AnswerPart part, std::string_view text, std::uint64_t tokens) override;
  void on_end(const Job& job, const Result<JobReport>& report) override;
  std::optional<Job> on_room(std::string_view model, Priority least) override;

 private:
  struct Active;
  struct Origin {
    std::string_view who;
    std::string reply_topic;
    std::string_view correlation;
    std::string_view pool_model{};  // Of a pool request.
  };

  void take_in(const IncomingMessage& message);
  [[nodiscard]] Origin origin_of(const RequestTopic& topic, const IncomingMessage& message, std::string_view id) const;
  void refuse_thrown(const IncomingMessage& message);
  void handle(const Origin& origin, Request request, const IncomingMessage& message);
  [[nodiscard]] std::optional<Rejection> refuse_place(Origin& origin, const Request& request,
                                                      const IncomingMessage& message) const;
  void handle_known(const Origin& origin, const Request& request, const Acceptance& acceptance);
  void handle_cancel(const Origin& origin, const Request& request);
  void handle_replay(const Origin& origin, const Request& request);
  void handle_inspection(const Origin& origin, const Request& request);
  void handle_work(const Origin& origin, Request request, const IncomingMessage& message);
  [[nodiscard]] tl::expected<void, Refusal> admit(const Origin& origin, const Request& request);
  bool keep_request(const Origin& origin, const JournalEntry& entry);
  void take_over(Request request, const JournalEntry& entry);
  void tell_accepted(const Origin& origin, const JournalEntry& entry);
  bool run_batch(std::chrono::milliseconds patience);
  void end_thrown_out();
  void end_lost();
  void enqueue(std::shared_ptr<Active> active);
  void run_generations(const std::vector<std::shared_ptr<Active>>& batch);
  void begin(Active& active);
  [[nodiscard]] static Job job_of(const Active& active);
  void run_action(Active& active);
  void run_computation(Active& active);
  [[nodiscard]] std::optional<Rejection> deny(const Origin& origin, OperationKind operation) const;
  [[nodiscard]] std::vector<std::shared_ptr<Active>> take_batch();
  void wait_for_work(std::chrono::milliseconds patience);
  void end_expired();
  std::optional<Deadline> deadline_of(const Request& request, const IncomingMessage& message) const;
  bool expired(const JournalEntry& entry) const;
  Result<void> take_up(const JournalEntry& entry);
  JournalEntry entry_of(const Origin& origin, const Request& request, const IncomingMessage& message) const;

  // These take the journal's mutex: call them without either.
  void finish(const RequestKey& key, OutcomeKind kind, std::string payload);
  void end(const RequestKey& key, OutcomeKind kind, std::string_view reason, std::string_view detail);
  // These are called with it.
  void finish_locked(const RequestKey& key, OutcomeKind kind, std::string payload);
  bool keep(const RequestKey& key, const Outcome& outcome);
  void keep_what_failed();
  void pump_outbox();
  bool hand_over(const OutboxRow& row);
  bool stand_in(const OutboxRow& row, std::string_view reason, std::string_view detail);
  std::optional<Outcome> replace_outcome(const RequestKey& key, std::string_view reason, std::string_view detail);
  std::optional<Outcome> kept_outcome(const RequestKey& key);
  void settle_acknowledged();

  void count(OutcomeKind kind);
  void note_recent(const RequestKey& key, OutcomeKind kind);
  void reject(const Origin& origin, std::string_view id, const Rejection& rejection,
              std::chrono::milliseconds retry_after = std::chrono::milliseconds(0));
  void reply(const std::string& topic, std::string_view correlation, std::string_view payload, int qos = 1);
  // Tells the log, and who listens to event/audit, of a refusal or a privileged act.
  void audit(AuditKind kind, std::string_view who, std::string_view operation, std::string_view id,
             std::string_view what);
  // Does what the answer brings about and returns it as a JSON list, empty where there is nothing.
  std::string act_on_answer(const Active& active, std::optional<double> confidence);
  [[nodiscard]] Result<void> perform(const AnswerActions::Deed& deed);
  std::string do_deed(const Active& active, const AnswerActions::Deed& deed);
  [[nodiscard]] std::string generation_message(const Active& active, OutcomeKind kind, const JobReport& report,
                                               std::string_view actions) const;
  void record(const Active& active, const JobReport& report);
  void note_token(Active& active, std::uint64_t tokens, Clock::time_point now);
  void close_chunks();
  void close_chunk(Active& active);
  void send_chunk(const Active& active, std::uint64_t sequence);
  void forget(const RequestKey& key);
  // The time that outcomes are aged by: it runs while the device does, and goes on after a restart.
  [[nodiscard]] std::chrono::seconds age() const;
  void remember_answer(std::shared_ptr<Active> active);

  ServiceOptions options_;
  Backend& backend_;
  Publisher& publisher_;
  Operations& operations_;
  ServiceClock& clock_;
  ServiceCounters counters_;
  std::atomic<Clock::rep> progress_{0};

  mutable std::mutex journal_mutex_;
  Journal journal_;
  std::map<int, std::int64_t> in_flight_;  // Token -> outbox sequence.
  std::int64_t handed_over_ = 0;           // The outbox is sent up to here.
  // Outcomes that could not be kept yet; tick() tries again.
  std::vector<std::pair<RequestKey, Outcome>> unkept_;
  std::chrono::seconds last_forgetting_{0};
  std::chrono::seconds age_offset_{0};  // From boot time to age().

  mutable std::mutex mutex_;
  std::condition_variable work_;
  AdmissionQueue queue_;
  std::map<RequestKey, std::shared_ptr<Active>> active_;  // Waiting or running.
  std::vector<std::shared_ptr<Active>> answered_;         // For replay, oldest first.
  std::vector<std::pair<int, bool>> acknowledged_;        // Tokens that the outbox has not heard of yet.
  std::deque<RecentRequest> recent_;
  Journal::FlushCost flush_cost_;
  bool stopping_ = false;
  Caught caught_;                        // What the worker caught last.
  std::atomic<bool> lost_track_{false};  // A request is in the journal that is nowhere in memory.
  std::string chunk_message_;            // Buffer of the chunk being written.

  std::atomic<bool> unsound_{false};  // The journal failed: nothing is taken from pools until it works again.
};

}  // namespace linnet::daemon
