#include "runtime/daemon/engine_backend.h"

#include <algorithm>
#include <exception>
#include <map>

namespace linnet::daemon {

bool EngineBackend::serves(std::string_view model) const { return model.empty() || host_.is_configured(model); }

void EngineBackend::run(std::span<const Job> jobs, JobListener& listener) {
  std::map<std::string_view, std::vector<const Job*>> groups;
  for (const Job& job : jobs) groups[job.model].push_back(&job);
  std::exception_ptr thrown;
  for (const auto& [model, group] : groups) {
    try {
      run_group(group, listener);
    } catch (...) {
      // Other models' jobs go on; this engine may be anywhere in a step.
      thrown = std::current_exception();
      host_.drop({ErrorKind::kUnsupported, "an answer ended unforeseen; the model is opened anew"});
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

void EngineBackend::run_group(std::span<const Job* const> jobs, JobListener& listener) {
  const auto model = host_.ready(jobs.front()->model);
  if (!model) {
    for (const Job* job : jobs) listener.on_end(*job, tl::unexpected(model.error()));
    return;
  }
  const auto joules_before = energy_.joules(Clock::now());
  Running running = start_all(**model, jobs, listener);
  auto sound = (*model)->check_file();
  while (sound && !running.empty()) sound = advance(running, joules_before, listener);
  if (sound) return;
  std::erase(running, nullptr);
  for (const auto& generation : running) listener.on_end(generation->job(), tl::unexpected(sound.error()));
  running.clear();  // Before the model, which they borrow.
  host_.drop(sound.error());
}

EngineBackend::Running EngineBackend::start_all(ReadyModel& model, std::span<const Job* const> jobs,
                                                JobListener& listener) {
  Running running;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto generation = std::make_unique<Generation>(model, model.lane(i), *jobs[i]);
    const auto started = generation->start(default_max_tokens_);
    if (started) running.push_back(std::move(generation));
    if (started) continue;
    // A prompt that could not be read through broken tables is not at fault.
    const auto sound = model.check_file();
    listener.on_end(*jobs[i], tl::unexpected(sound ? started.error() : sound.error()));
  }
  return running;
}

Result<void> EngineBackend::advance(Running& running, std::optional<double> joules_before, JobListener& listener) {
  for (auto& generation : running) {
    const auto more = generation->step(listener);
    if (more && *more) continue;
    // What happened to the file happens to everybody who reads it.
    if (!more && more.error().kind == ErrorKind::kIo) return tl::unexpected(more.error());
    const Job& job = generation->job();
    Result<JobReport> report = more ? Result<JobReport>(generation->report()) : tl::unexpected(more.error());
    const auto joules = energy_.joules(Clock::now());
    if (report && joules && joules_before) report->joules = *joules - *joules_before;
    generation.reset();  // Its sequence is free before anybody hears of the end.
    listener.on_end(job, report);
  }
  std::erase(running, nullptr);
  return {};
}

}  // namespace linnet::daemon
