// What the service needs of an engine: run a batch of generations, tell of each piece of text, stop when asked.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/request.h"
#include "runtime/text/reasoning.h"

namespace linnet::daemon {

// One generation of a batch. The arguments and the flag outlive the run.
struct Job {
  RequestKey key;
  const InferArguments* arguments = nullptr;
  const std::atomic<bool>* cancelled = nullptr;  // Looked at before each token.
  std::string_view model{};                      // A configured name; empty: whichever is loaded, else the default.
  std::optional<Clock::time_point> deadline{};   // Past it the answer ends, with "deadline".
  Priority priority = Priority::kNormal;
  bool reuse_prefix = true;  // Of the prompt, what an earlier answer computed is not computed again.
};

// How a generation ended; the text went through the listener.
struct JobReport {
  std::string_view finish;  // "stop", "length", "cancelled", "deadline".
  std::uint64_t prompt_tokens = 0;
  std::uint64_t reused_tokens = 0;  // Of those: computed for an earlier answer.
  std::uint64_t tokens = 0;
  std::chrono::microseconds first_token{0};
  std::chrono::microseconds total{0};
  std::optional<double> confidence;
  double log_probability = 0;     // Sum over the tokens.
  std::optional<double> joules;   // Of the whole module while it ran, where the board measures them …
  bool joules_estimated = false;  // … or of the parts that it measures.
};

// Called on the thread of run(), for one job at a time.
class JobListener {
 public:
  virtual ~JobListener() = default;
  // A piece of one part of the answer; `tokens` are those since the last call.
  virtual void on_text(const Job& job, text::AnswerPart part, std::string_view text, std::uint64_t tokens) = 0;
  virtual void on_end(const Job& job, const Result<JobReport>& report) = 0;  // Exactly once a job.
  // There is room beside what runs on `model`, which is loaded: a job for it that begins now, where one of at least
  // that priority is next.
  virtual std::optional<Job> on_room(std::string_view /*model*/, Priority /*least*/) { return std::nullopt; }
};

class Backend {
 public:
  virtual ~Backend() = default;

  // How many jobs one run() takes, and runs at a time.
  [[nodiscard]] virtual std::size_t batch_limit() const = 0;
  // Returns when each job has ended, those that joined by on_room() too. What it throws, jobs that have not ended end
  // with.
  virtual void run(std::span<const Job> jobs, JobListener& listener) = 0;
  // Whether `model` names what is loaded; an empty name always does.
  [[nodiscard]] virtual bool serves(std::string_view model) const = 0;
};

}  // namespace linnet::daemon
