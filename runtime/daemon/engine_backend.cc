#include "runtime/daemon/engine_backend.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <optional>
#include <thread>

namespace linnet::daemon {

namespace {

// While it pauses: how soon a cancelled answer ends, and a new pace is seen.
constexpr std::chrono::milliseconds kNap{100};

}  // namespace

bool EngineBackend::serves(std::string_view model) const { return model.empty() || host_.is_configured(model); }

std::size_t EngineBackend::batch_limit() const {
  const std::size_t most = pacer_ != nullptr ? pacer_->pace().most_together : 0;
  return most == 0 ? at_once_ : std::min(most, at_once_);
}

void EngineBackend::run(std::span<const Job> jobs, JobListener& listener) {
  std::map<std::string_view, std::vector<const Job*>> groups;
  for (const Job& job : jobs) groups[job.model].push_back(&job);
  std::exception_ptr thrown;
  std::size_t left = groups.size();
  for (const auto& [model, group] : groups) {
    try {
      run_group(group, listener, --left == 0);
    } catch (...) {
      // Other models' jobs go on; this engine may be anywhere in a step.
      thrown = std::current_exception();
      host_.drop({ErrorKind::kUnforeseen, "an answer ended unforeseen; the model is opened anew"});
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

void EngineBackend::run_group(std::span<const Job* const> jobs, JobListener& listener, bool others_join) {
  const auto model = host_.ready(jobs.front()->model);
  if (!model) {
    for (const Job* job : jobs) listener.on_end(*job, tl::unexpected(model.error()));
    return;
  }
  std::optional<Error> broken;
  {
    GenerationGroup group(**model, energy_, default_max_tokens_, listener);
    for (const Job* job : jobs) group.add(*job);
    auto sound = (*model)->check_file();
    while (sound && !group.empty()) {
      const auto started = Clock::now();
      group.hold_to(batch_limit());
      sound = group.advance();
      if (sound) rest(group, started);
      host_.mind_memory();
      if (sound && others_join) group.let_join();
    }
    host_.set_last_use(Clock::now());
    if (!sound) group.fail_all(sound.error());
    // What happened to the file happens to everybody who reads it; so does the loss of a GPU that nothing replaces.
    if (!sound && (sound.error().kind == ErrorKind::kIo || (*model)->engine().is_lost())) broken = sound.error();
  }
  if (broken) host_.drop(*broken);
}

void EngineBackend::rest(GenerationGroup& group, Clock::time_point started) {
  if (pacer_ == nullptr) return;
  pauses_.work(started, Clock::now(), pacer_->pace());
  while (!group.empty()) {
    const auto left = pauses_.due(Clock::now(), pacer_->pace());
    if (left <= Clock::duration::zero()) return;
    std::this_thread::sleep_for(std::min<Clock::duration>(left, kNap));
    group.leave_ended();
  }
}

}  // namespace linnet::daemon
