#include "runtime/daemon/service.h"

#include <sys/timex.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/telemetry.h"

namespace linnet::daemon {
namespace {

constexpr std::size_t kMostInFlight = 20;  // Messages of QoS 1 that libmosquitto holds; the rest waits in the outbox.
constexpr std::chrono::milliseconds kWorkPoll{100};

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

OutcomeKind kind_of(const Result<JobReport>& report) {
  if (!report) return report.error().kind == ErrorKind::kInterrupted ? OutcomeKind::kCancelled : OutcomeKind::kFailed;
  return report->finish == "cancelled" ? OutcomeKind::kCancelled : OutcomeKind::kDone;
}

// The word for programs of a failure.
std::string_view reason_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kExhausted: return "does_not_fit";
    case ErrorKind::kIo: return "io";
    case ErrorKind::kUsage: return "invalid";
    case ErrorKind::kDenied: return "denied";
    case ErrorKind::kBusy: return "busy";
    case ErrorKind::kAbsent: return "absent";
    default: return "engine";
  }
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
      queue_(options_.admission) {}

Service::~Service() = default;

Result<void> Service::recover() {
  const std::lock_guard lock(mutex_);
  LINNET_TRY(const auto entries, journal_.unfinished());
  for (const JournalEntry& entry : entries) {
    LINNET_TRY(const bool acted, journal_.has_intent(entry.key));
    const auto operation = parse_operation(entry.operation);
    auto request = operation ? parse_request(*operation, entry.body, options_.request)
                             : tl::unexpected(Rejection{ReasonCode::kImplementationError, "unknown operation"});
    if (acted) {
      end(entry.key, OutcomeKind::kFailed, "outcome_unknown", "the device stopped while it acted");
    } else if (expired(entry)) {
      end(entry.key, OutcomeKind::kExpired, "deadline", "the deadline passed while the device was down");
    } else if (!entry.durable || !request) {
      end(entry.key, OutcomeKind::kFailed, "restart", "the device restarted; the request was not marked durable");
    } else {
      const auto most = options_.default_max_tokens;
      enqueue(std::make_shared<Active>(*std::move(request), entry, most, clock_.now()));
    }
  }
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
  Waiting waiting{active->key, active->request.priority, std::nullopt};
  if (active->request.deadline) waiting.deadline = active->accepted + *active->request.deadline;
  active_[active->key] = std::move(active);
  queue_.push(std::move(waiting));
  work_.notify_one();
}

bool Service::run_next(std::chrono::milliseconds patience) {
  std::vector<std::shared_ptr<Active>> batch;
  {
    std::unique_lock lock(mutex_);
    batch = take_batch(lock, patience);
    if (batch.empty()) return !stopping_;
  }
  if (std::holds_alternative<InferArguments>(batch.front()->request.arguments)) {
    run_generations(batch);
  } else {
    run_action(*batch.front());
  }
  return true;
}

// One batch of generations, or one action alone.
std::vector<std::shared_ptr<Service::Active>> Service::take_batch(std::unique_lock<std::mutex>& lock,
                                                                  std::chrono::milliseconds patience) {
  const auto end_of_patience = Clock::now() + patience;
  while (queue_.size() == 0 && !stopping_ && Clock::now() < end_of_patience) work_.wait_for(lock, kWorkPoll);
  for (const Waiting& late : queue_.take_expired(clock_.now())) {
    end(late.key, OutcomeKind::kExpired, "deadline", "the deadline passed before the request could start");
  }
  std::vector<std::shared_ptr<Active>> batch;
  while (batch.size() < backend_.batch_limit()) {
    const auto next = queue_.take(1);
    if (next.empty()) break;
    const auto active = active_.at(next.front().key);
    const bool generates = std::holds_alternative<InferArguments>(active->request.arguments);
    if (!generates && !batch.empty()) {
      queue_.push(next.front());
      break;
    }
    active->running = true;
    active->started = clock_.now();
    batch.push_back(active);
    if (!generates) break;
  }
  return batch;
}

void Service::run_generations(const std::vector<std::shared_ptr<Active>>& batch) {
  std::vector<Job> jobs;
  for (const auto& active : batch) {
    Job job;
    job.key = active->key;
    job.arguments = &std::get<InferArguments>(active->request.arguments);
    job.cancelled = &active->cancelled;
    jobs.push_back(std::move(job));
  }
  backend_.run(jobs, *this);
}

void Service::run_action(Active& active) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto intended = journal_.intend(active.key, to_string(active.request.operation)); !intended) {
      return end(active.key, OutcomeKind::kFailed, reason_of(intended.error().kind), intended.error().message);
    }
  }
  const auto result = operations_.act(active.key.who, active.request);
  const std::lock_guard lock(mutex_);
  if (!result) return end(active.key, OutcomeKind::kFailed, reason_of(result.error().kind), result.error().message);
  write_result(message_, active.key.id, *result);
  finish(active.key, OutcomeKind::kDone, message_);
}

void Service::on_text(const Job& job, std::string_view text, std::uint64_t tokens) {
  progress_ = Clock::now().time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(job.key);
  if (found == active_.end()) return;
  Active& active = *found->second;
  counters_.tokens += tokens;
  const auto now = clock_.now();
  if (options_.figures != nullptr && active.last_text != Clock::time_point{}) {
    options_.figures->record_token_gap(std::chrono::duration_cast<std::chrono::microseconds>(now - active.last_text));
  }
  active.last_text = now;
  if (!active.stream.append(text, tokens, now)) return;
  if (active.stream.close_chunk() && active.request.stream) send_chunk(active, active.stream.chunks() - 1);
}

void Service::on_end(const Job& job, const Result<JobReport>& report) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(job.key);
  if (found == active_.end()) return;
  const std::shared_ptr<Active> active = found->second;
  if (active->stream.close_chunk() && active->request.stream) send_chunk(*active, active->stream.chunks() - 1);
  const auto now = clock_.now();
  queue_.note_service_time(std::chrono::duration_cast<std::chrono::milliseconds>(now - active->started));
  if (active->stopped) {
    // A durable request is taken up again at the next start: it has no outcome yet.
    if (active->request.durable) return forget(job.key);
    return end(job.key, OutcomeKind::kFailed, "stopping", "the device stops");
  }
  if (!report) return end(job.key, kind_of(report), reason_of(report.error().kind), report.error().message);
  record(*active, *report);
  const std::string actions = kind_of(report) == OutcomeKind::kDone ? act_on_answer(*active, report->confidence) : "";
  GenerationReport done;
  done.actions = actions;
  done.text = active->stream.text();
  done.finish = report->finish;
  done.prompt_tokens = report->prompt_tokens;
  done.tokens = report->tokens;
  done.chunks = active->request.stream ? active->stream.chunks() : 0;
  done.queued = std::chrono::duration_cast<std::chrono::microseconds>(active->started - active->accepted);
  done.first_token = report->first_token;
  done.total = report->total;
  done.confidence = report->confidence;
  write_generation(message_, active->key.id, kind_of(report), done);
  remember_answer(active);
  finish(job.key, kind_of(report), message_);
}

void Service::record(const Active& active, const JobReport& report) {
  const auto queued = std::chrono::duration_cast<std::chrono::microseconds>(active.started - active.accepted);
  if (options_.figures != nullptr) options_.figures->record(report, queued);
}

std::string Service::act_on_answer(const Active& active, std::optional<double> confidence) {
  if (options_.actions == nullptr || active.from_pool) return {};
  std::string list;
  for (const auto& deed : options_.actions->deeds_of(active.stream.text(), confidence)) {
    list.append(list.empty() ? "[" : ",").append(do_deed(active, deed));
  }
  return list.empty() ? list : list + "]";
}

std::string Service::do_deed(const Active& active, const AnswerActions::Deed& deed) {
  std::string failure = deed.refused;
  if (failure.empty()) {
    const auto intended = journal_.intend(active.key, "rule " + deed.rule);
    const auto done = intended ? options_.actions->perform(deed) : intended;
    if (!done) failure = done.error().message;
  }
  std::string entry;
  append_deed(entry, deed.rule, deed.target, failure);
  std::string event = R"({"who":")" + active.key.who + R"(","id":")" + active.key.id + R"(","action":)" + entry + "}";
  (void)journal_.add_event(device_topic(options_.address, "event/action"), event);
  return entry;
}

void Service::forget(const RequestKey& key) {
  active_.erase(key);
  work_.notify_all();
}

void Service::remember_answer(std::shared_ptr<Active> active) {
  if (answered_.size() >= options_.replay_answers) answered_.erase(answered_.begin());
  if (options_.replay_answers > 0) answered_.push_back(std::move(active));
}

void Service::end(const RequestKey& key, OutcomeKind kind, std::string_view reason, std::string_view detail) {
  write_ended(message_, key.id, kind, reason, detail);
  finish(key, kind, message_);
}

void Service::finish(const RequestKey& key, OutcomeKind kind, std::string payload) {
  Outcome outcome{kind, std::move(payload)};
  if (!keep(key, outcome)) unkept_.emplace_back(key, std::move(outcome));
  forget(key);
  pump_outbox();
}

// Nobody is told an outcome that is not on the disk; one that could not be kept is tried again by tick(), and after a
// restart the journal still knows the request as unfinished.
bool Service::keep(const RequestKey& key, const Outcome& outcome) {
  const auto finished = journal_.finish(key, outcome, clock_.wall());
  unsound_ = !finished;
  if (!finished) {
    last_fault_ = finished.error();
    return false;
  }
  if (*finished) count(outcome.kind);
  return true;
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

void Service::send_chunk(const Active& active, std::uint64_t sequence) {
  write_chunk(message_, active.key.id, sequence, active.stream.chunk(sequence));
  reply(active.reply_topic, active.correlation, message_, 0);
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

void Service::pump_outbox() {
  while (in_flight_.size() < kMostInFlight) {
    const auto rows = journal_.outbox(handed_over_, kMostInFlight - in_flight_.size());
    if (!rows || rows->empty()) return;
    for (const OutboxRow& row : *rows) {
      OutgoingMessage message;
      message.topic = row.topic;
      message.payload = row.payload;
      message.qos = 1;
      message.correlation = row.correlation;
      const auto token = publisher_.publish(message);
      if (!token) return;
      in_flight_[*token] = row.sequence;
      handed_over_ = row.sequence;
    }
  }
}

void Service::on_acknowledged(int token, bool accepted) {
  const std::lock_guard lock(mutex_);
  const auto found = in_flight_.find(token);
  if (found == in_flight_.end()) return;
  // Refused by the broker (ACL, quota): sending it again would be refused again. The outcome stays readable by its id.
  if (!accepted) ++counters_.undeliverable;
  (void)journal_.delivered(found->second);
  in_flight_.erase(found);
  pump_outbox();
}

void Service::tick() {
  const std::lock_guard lock(mutex_);
  for (const Waiting& late : queue_.take_expired(clock_.now())) {
    end(late.key, OutcomeKind::kExpired, "deadline", "the deadline passed before the request could start");
  }
  keep_what_failed();
  (void)journal_.forget_before(clock_.wall());
  pump_outbox();
}

void Service::stop(std::chrono::milliseconds deadline) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    std::vector<RequestKey> waiting;
    for (const auto& [key, active] : active_) {
      // A durable request that has not begun stays in the journal, for the next start.
      if (!active->running && !active->request.durable) waiting.push_back(key);
    }
    for (const RequestKey& key : waiting) {
      queue_.remove(key);
      end(key, OutcomeKind::kFailed, "stopping", "the device stops");
    }
    (void)queue_.take(queue_.size());
  }
  work_.notify_all();
  const auto limit = Clock::now() + deadline;
  std::unique_lock lock(mutex_);
  const auto runs = [this] {
    return std::any_of(active_.begin(), active_.end(), [](const auto& entry) { return entry.second->running; });
  };
  while (runs() && Clock::now() < limit) work_.wait_for(lock, kWorkPoll);
  for (auto& [key, active] : active_) {
    active->stopped = true;
    active->cancelled = true;
  }
}

std::size_t Service::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

Journal::FlushCost Service::flush_cost() const {
  const std::lock_guard lock(mutex_);
  return journal_.flush_cost();
}

void Service::add_event(std::string_view tail, std::string_view payload) {
  const std::lock_guard lock(mutex_);
  (void)journal_.add_event(device_topic(options_.address, tail), payload);
  pump_outbox();
}

bool Service::wants_pool_work() {
  const std::lock_guard lock(mutex_);
  return !stopping_ && !unsound_ && !queue_.over_high_water();
}

}  // namespace linnet::daemon
