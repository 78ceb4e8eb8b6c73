#include "runtime/daemon/service.h"

#include <sys/timex.h>

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/telemetry.h"

namespace linnet::daemon {
namespace {

constexpr std::chrono::milliseconds kWorkPoll{100};
constexpr std::size_t kChunkMessage =
    std::size_t{16} * 1024;  // Eight tokens, each of their bytes escaped, and an id of 64.

std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

OutcomeKind kind_of(const Result<JobReport>& report) {
  if (!report) return report.error().kind == ErrorKind::kInterrupted ? OutcomeKind::kCancelled : OutcomeKind::kFailed;
  if (report->finish == "deadline") return OutcomeKind::kExpired;
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

bool Service::run_next(std::chrono::milliseconds patience) {
  try {
    end_thrown_out();
    if (lost_track_.exchange(false)) end_lost();
    return run_batch(patience);
  } catch (...) {
    caught_ = caught();
    log(LogLevel::kError, "what was worked on ended unforeseen:");
    log(LogLevel::kError, caught_.words());
  }
  // Memory that is short stays short for a while.
  std::this_thread::sleep_for(kWorkPoll);
  return true;
}

// Between two batches nothing runs: what still says so was thrown out of its run.
void Service::end_thrown_out() {
  std::vector<RequestKey> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, active] : active_) {
      if (active->running) keys.push_back(key);
    }
  }
  for (const RequestKey& key : keys) {
    Result<bool> acted = false;
    {
      const std::lock_guard journal(journal_mutex_);
      acted = journal_.has_intent(key);
    }
    end(key, OutcomeKind::kFailed, acted && *acted ? "outcome_unknown" : reason_of(caught_.kind), caught_.words());
  }
}

// A request that was kept and then lost before it had its place in memory.
void Service::end_lost() {
  const std::lock_guard journal(journal_mutex_);
  const auto entries = journal_.unfinished();
  lost_track_ = !entries;
  for (std::size_t i = 0; entries && i < entries->size(); ++i) {
    const RequestKey& key = (*entries)[i].key;
    const bool known = [&] {
      const std::lock_guard lock(mutex_);
      return active_.contains(key);
    }();
    if (known || std::ranges::find(unkept_, key, [](const auto& kept) { return kept.first; }) != unkept_.end())
      continue;
    std::string message;
    write_ended(message, key.id, OutcomeKind::kFailed, "does_not_fit", "the device had no memory left for it");
    finish_locked(key, OutcomeKind::kFailed, std::move(message));
  }
}

bool Service::run_batch(std::chrono::milliseconds patience) {
  wait_for_work(patience);
  end_expired();
  const auto batch = take_batch();
  if (batch.empty()) {
    const std::lock_guard lock(mutex_);
    return !stopping_;
  }
  fail_point(FailPoint::kStarted);
  if (std::holds_alternative<InferArguments>(batch.front()->request.arguments)) {
    run_generations(batch);
  } else {
    run_action(*batch.front());
  }
  return true;
}

void Service::wait_for_work(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto end_of_patience = Clock::now() + patience;
  while (queue_.size() == 0 && !stopping_ && Clock::now() < end_of_patience) work_.wait_for(lock, kWorkPoll);
}

void Service::end_expired() {
  std::vector<Waiting> late;
  {
    const std::lock_guard lock(mutex_);
    late = queue_.take_expired(clock_.now());
  }
  for (const Waiting& waiting : late) {
    end(waiting.key, OutcomeKind::kExpired, "deadline", "the deadline passed before the request could start");
  }
}

// One batch of generations, or one action alone.
std::vector<std::shared_ptr<Service::Active>> Service::take_batch() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Active>> batch;
  while (batch.size() < backend_.batch_limit()) {
    const Waiting* const next = queue_.next();
    if (next == nullptr) break;
    const auto active = active_.at(next->key);
    const bool generates = std::holds_alternative<InferArguments>(active->request.arguments);
    if (!generates && !batch.empty()) break;  // It keeps its place, and is the next batch.
    (void)queue_.take(1);
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
    job.model = job.arguments->model.empty() ? active->pool_model : job.arguments->model;
    if (active->request.deadline) job.deadline = active->accepted + *active->request.deadline;
    jobs.push_back(std::move(job));
  }
  backend_.run(jobs, *this);
}

void Service::run_action(Active& active) {
  {
    const std::lock_guard lock(journal_mutex_);
    const auto intended = journal_.intend(active.key, to_string(active.request.operation));
    if (!intended) {
      std::string message;
      write_ended(message, active.key.id, OutcomeKind::kFailed, reason_of(intended.error().kind),
                  intended.error().message);
      return finish_locked(active.key, OutcomeKind::kFailed, std::move(message));
    }
  }
  fail_point(FailPoint::kIntended);
  Result<std::string> result;
  try {
    result = operations_.act(active.key.who, active.request);
  } catch (...) {
    operations_.make_safe(active.request);
    throw;
  }
  fail_point(FailPoint::kDriven);
  audit(active.key.who, to_string(active.request.operation), active.key.id,
        result ? "done" : "failed: " + result.error().message);
  if (!result) return end(active.key, OutcomeKind::kFailed, reason_of(result.error().kind), result.error().message);
  std::string message;
  write_result(message, active.key.id, *result);
  finish(active.key, OutcomeKind::kDone, std::move(message));
}

void Service::on_text(const Job& job, text::AnswerPart part, std::string_view text, std::uint64_t tokens) {
  progress_ = Clock::now().time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(job.key);
  if (found == active_.end()) return;
  Active& active = *found->second;
  const auto now = clock_.now();
  if (tokens > 0) note_token(active, tokens, now);
  if (!text.empty() && active.stream.breaks_before(part)) close_chunk(active);
  if (active.stream.append(part, text, tokens, now)) close_chunk(active);
}

// With the mutex held.
void Service::note_token(Active& active, std::uint64_t tokens, Clock::time_point now) {
  counters_.tokens += tokens;
  active.tokens += tokens;
  if (options_.figures != nullptr && active.last_token != Clock::time_point{}) {
    options_.figures->record_token_gap(std::chrono::duration_cast<std::chrono::microseconds>(now - active.last_token));
  }
  active.last_token = now;
}

void Service::on_end(const Job& job, const Result<JobReport>& report) {
  std::shared_ptr<Active> active;
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = active_.find(job.key);
    if (found == active_.end()) return;
    active = found->second;
    close_chunk(*active);
    queue_.note_service_time(std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - active->started));
    stopped = active->stopped;
  }
  if (stopped) {
    // A durable request is taken up again at the next start: it has no outcome yet.
    if (active->request.durable) return forget(job.key);
    return end(job.key, OutcomeKind::kFailed, "stopping", "the device stops");
  }
  if (!report) return end(job.key, kind_of(report), reason_of(report.error().kind), report.error().message);
  record(*active, *report);
  const OutcomeKind kind = kind_of(report);
  const std::string actions = kind == OutcomeKind::kDone ? act_on_answer(*active, report->confidence) : "";
  std::string message = generation_message(*active, kind, *report, actions);
  remember_answer(active);
  finish(job.key, kind, std::move(message));
}

std::string Service::generation_message(const Active& active, OutcomeKind kind, const JobReport& report,
                                        std::string_view actions) const {
  GenerationReport done;
  done.actions = actions;
  done.text = active.stream.text();
  done.reasoning = active.stream.reasoning();
  done.finish = report.finish;
  done.prompt_tokens = report.prompt_tokens;
  done.tokens = report.tokens;
  done.chunks = active.request.stream ? active.stream.chunks() : 0;
  done.queued = std::chrono::duration_cast<std::chrono::microseconds>(active.started - active.accepted);
  done.first_token = report.first_token;
  done.total = report.total;
  done.confidence = report.confidence;
  done.joules = report.joules;
  std::string message;
  write_generation(message, active.key.id, kind, done);
  return message;
}

void Service::record(const Active& active, const JobReport& report) {
  const auto queued = std::chrono::duration_cast<std::chrono::microseconds>(active.started - active.accepted);
  if (options_.figures != nullptr) options_.figures->record(report, queued);
}

std::string Service::act_on_answer(const Active& active, std::optional<double> confidence) {
  if (options_.actions == nullptr || !active.pool_model.empty()) return {};
  std::string list;
  for (const auto& deed : options_.actions->deeds_of(active.stream.text(), confidence)) {
    list.append(list.empty() ? "[" : ",").append(do_deed(active, deed));
  }
  return list.empty() ? list : list + "]";
}

Result<void> Service::perform(const AnswerActions::Deed& deed) {
  try {
    return options_.actions->perform(deed);
  } catch (...) {
    options_.actions->make_safe(deed);
    throw;
  }
}

std::string Service::do_deed(const Active& active, const AnswerActions::Deed& deed) {
  std::string failure = deed.refused;
  if (failure.empty()) {
    Result<void> done;
    {
      const std::lock_guard lock(journal_mutex_);
      done = journal_.intend(active.key, "rule " + deed.rule);
    }
    if (done) fail_point(FailPoint::kIntended);
    if (done) done = perform(deed);
    fail_point(FailPoint::kDriven);
    if (!done) failure = done.error().message;
  }
  std::string entry;
  append_deed(entry, deed.rule, deed.target, failure);
  add_event("event/action",
            R"({"who":")" + active.key.who + R"(","id":")" + active.key.id + R"(","action":)" + entry + "}");
  return entry;
}

// With the mutex held, for the two below as well.
void Service::close_chunk(Active& active) {
  if (!active.stream.close_chunk() || !active.request.stream) return;
  send_chunk(active, active.stream.chunks() - 1);
  fail_point(FailPoint::kChunkSent);
}

void Service::send_chunk(const Active& active, std::uint64_t sequence) {
  const std::string_view words = active.stream.chunk(sequence);
  const bool reasoning = active.stream.is_reasoning(sequence);
  write_chunk(chunk_message_, active.key.id, sequence, reasoning ? "" : words, reasoning ? words : "");
  reply(active.reply_topic, active.correlation, chunk_message_, 0);
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

void Service::remember_answer(std::shared_ptr<Active> active) {
  const std::lock_guard lock(mutex_);
  if (answered_.size() >= options_.replay_answers && !answered_.empty()) answered_.erase(answered_.begin());
  if (options_.replay_answers > 0) answered_.push_back(std::move(active));
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
  while (runs() && Clock::now() < limit) work_.wait_for(lock, kWorkPoll);
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
