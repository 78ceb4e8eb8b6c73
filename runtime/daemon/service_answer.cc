// One answer as it comes: tokens become chunks, its end becomes an outcome, after what it brings about is done.

#include <utility>

#include "hal/energy.h"
#include "runtime/daemon/active.h"
#include "runtime/daemon/energy_budget.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/service.h"
#include "runtime/daemon/telemetry.h"

namespace linnet::daemon {
namespace {

OutcomeKind kind_of(const Result<JobReport>& report) {
  if (!report) return report.error().kind == ErrorKind::kInterrupted ? OutcomeKind::kCancelled : OutcomeKind::kFailed;
  if (report->finish == "deadline") return OutcomeKind::kExpired;
  return report->finish == "cancelled" ? OutcomeKind::kCancelled : OutcomeKind::kDone;
}

}  // namespace

void Service::on_text(const Job& job, text::AnswerPart part, std::string_view text, std::uint64_t tokens) {
  progress_ = Clock::now().time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(job.key);
  if (found == active_.end()) return;
  Active& active = *found->second;
  const auto now = clock_.now();
  if (tokens > 0) note_token(active, tokens, now);
  if (!text.empty() && active.stream.breaks_before(part)) close_chunk(active);
  if (!active.stream.append(part, text, tokens, now)) return;
  if (active.stream.chunks() == 0) return close_chunk(active);
  close_chunks();
}

// With the mutex held. Answers that are given together send their chunks together: their messages then share the way
// through the connection's thread, the broker and the clients, which all take time from the decoder's cores.
void Service::close_chunks() {
  for (const auto& [key, active] : active_) close_chunk(*active);
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
  done.energy_source =
      hal::to_string(report.joules_estimated ? hal::EnergySource::kEstimated : hal::EnergySource::kMeasured);
  if (report.joules && options_.tariff > 0) done.cost = cost_of(*report.joules, options_.tariff);
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

void Service::remember_answer(std::shared_ptr<Active> active) {
  const std::lock_guard lock(mutex_);
  if (answered_.size() >= options_.replay_answers && !answered_.empty()) answered_.erase(answered_.begin());
  if (options_.replay_answers > 0) answered_.push_back(std::move(active));
}

}  // namespace linnet::daemon
