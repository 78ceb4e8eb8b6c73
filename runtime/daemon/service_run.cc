// The service's worker: batches of generations, one action at a time, and what is left when something was thrown.

#include <algorithm>
#include <thread>
#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {
namespace {

constexpr std::chrono::milliseconds kWorkPoll{100};

}  // namespace

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
  } else if (std::holds_alternative<EmbedArguments>(batch.front()->request.arguments)) {
    run_computation(*batch.front());
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

// One batch of generations, or one action or computation alone.
std::vector<std::shared_ptr<Service::Active>> Service::take_batch() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Active>> batch;
  while (batch.size() < backend_.batch_limit()) {
    const Waiting* const next = queue_.next();
    if (next == nullptr) break;
    const auto active = active_.at(next->key);
    const bool generates = std::holds_alternative<InferArguments>(active->request.arguments);
    if (!generates && !batch.empty()) break;  // It keeps its place, and is the next batch.
    begin(*active);
    batch.push_back(active);
    if (!generates) break;
  }
  return batch;
}

void Service::run_generations(const std::vector<std::shared_ptr<Active>>& batch) {
  std::vector<Job> jobs;
  jobs.reserve(batch.size());
  for (const auto& active : batch) jobs.push_back(job_of(*active));
  backend_.run(jobs, *this);
}

// The queue's head leaves it. With the mutex held.
void Service::begin(Active& active) {
  (void)queue_.take(1);
  active.running = true;
  active.started = clock_.now();
}

Job Service::job_of(const Active& active) {
  Job job;
  job.key = active.key;
  job.arguments = &std::get<InferArguments>(active.request.arguments);
  job.cancelled = &active.cancelled;
  job.priority = active.request.priority;
  job.model = job.arguments->model.empty() ? active.pool_model : job.arguments->model;
  if (active.request.deadline) job.deadline = active.accepted + *active.request.deadline;
  return job;
}

// The head of the queue, and no other: an action or another model's request that waits there lets what runs come to
// its end, and is next.
std::optional<Job> Service::on_room(std::string_view model, Priority least) {
  std::optional<Job> job;
  {
    const std::lock_guard lock(mutex_);
    const Waiting* const next = stopping_ ? nullptr : queue_.next();
    if (next == nullptr || next->priority < least) return std::nullopt;
    if (next->deadline && *next->deadline <= clock_.now()) return std::nullopt;
    Active& active = *active_.at(next->key);
    if (!std::holds_alternative<InferArguments>(active.request.arguments)) return std::nullopt;
    job = job_of(active);
    if (!job->model.empty() && job->model != model) return std::nullopt;
    begin(active);
  }
  fail_point(FailPoint::kStarted);
  return job;
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
  audit(AuditKind::kAct, active.key.who, to_string(active.request.operation), active.key.id,
        result ? "done" : "failed: " + result.error().message);
  if (!result) return end(active.key, OutcomeKind::kFailed, reason_of(result.error().kind), result.error().message);
  std::string message;
  write_result(message, active.key.id, *result);
  finish(active.key, OutcomeKind::kDone, std::move(message));
}

void Service::run_computation(Active& active) {
  const auto late = [&] {
    return active.request.deadline && active.accepted + *active.request.deadline <= clock_.now();
  };
  const auto result = operations_.compute(active.request, [&] { return active.cancelled || late(); });
  bool stopped = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.note_service_time(std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - active.started));
    stopped = active.stopped;
  }
  if (stopped) {
    // As with generations: a durable request is taken up again at the next start.
    if (active.request.durable) return forget(active.key);
    return end(active.key, OutcomeKind::kFailed, "stopping", "the device stops");
  }
  if (result) {
    std::string message;
    write_result(message, active.key.id, *result);
    return finish(active.key, OutcomeKind::kDone, std::move(message));
  }
  if (result.error().kind != ErrorKind::kInterrupted) {
    return end(active.key, OutcomeKind::kFailed, reason_of(result.error().kind), result.error().message);
  }
  if (active.cancelled) return end(active.key, OutcomeKind::kCancelled, "cancelled", "cancelled while it ran");
  end(active.key, OutcomeKind::kExpired, "deadline", "the deadline passed while it ran");
}

}  // namespace linnet::daemon
