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
  const auto runs = [](const Slot& slot) { return slot.generation != nullptr; };
  Slots slots((*model)->lanes());
  for (std::size_t i = 0; i < jobs.size(); ++i) begin(**model, slots, i, *jobs[i], listener);
  auto sound = (*model)->check_file();
  while (sound && std::ranges::any_of(slots, runs)) {
    sound = advance(**model, slots, listener);
    if (sound && others_join) let_join(**model, slots, listener);
  }
  host_.set_last_use(Clock::now());
  if (sound) return;
  for (Slot& slot : slots) {
    if (slot.generation) listener.on_end(slot.job, tl::unexpected(sound.error()));
  }
  slots.clear();  // Before the model, which they borrow.
  host_.drop(sound.error());
}

void EngineBackend::begin(ReadyModel& model, Slots& slots, std::size_t lane, const Job& job, JobListener& listener) {
  Slot& slot = slots[lane];
  slot.job = job;
  slot.joules_before = energy_.joules(Clock::now());
  slot.generation = std::make_unique<Generation>(model, model.lane(lane), slot.job);
  const auto started = slot.generation->start(default_max_tokens_);
  if (started) return;
  slot.generation.reset();
  // A prompt that could not be read through broken tables is not at fault.
  const auto sound = model.check_file();
  listener.on_end(slot.job, tl::unexpected(sound ? started.error() : sound.error()));
}

void EngineBackend::let_join(ReadyModel& model, Slots& slots, JobListener& listener) {
  for (std::size_t lane = 0; lane < slots.size(); ++lane) {
    // What was put in the file's place is for the next answer: it waits until those on the old one have ended.
    while (!slots[lane].generation && !model.replaced()) {
      const auto job = listener.on_room(model.name());
      if (!job) return;
      begin(model, slots, lane, *job, listener);
    }
  }
}

Result<void> EngineBackend::advance(ReadyModel& model, Slots& slots, JobListener& listener) {
  for (Slot& slot : slots) {
    if (!slot.generation) continue;
    const auto more = slot.generation->step(listener);
    if (more && *more) continue;
    // What happened to the file happens to everybody who reads it; so does the loss of a GPU that nothing replaces.
    if (!more && (more.error().kind == ErrorKind::kIo || model.engine().is_lost())) {
      return tl::unexpected(more.error());
    }
    Result<JobReport> report = more ? Result<JobReport>(slot.generation->report()) : tl::unexpected(more.error());
    const auto joules = energy_.joules(Clock::now());
    if (report && joules && slot.joules_before) report->joules = *joules - *slot.joules_before;
    slot.generation.reset();  // Its sequence is free before anybody hears of the end.
    listener.on_end(slot.job, report);
  }
  return {};
}

}  // namespace linnet::daemon
