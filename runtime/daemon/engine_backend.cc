#include "runtime/daemon/engine_backend.h"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>

#include "runtime/daemon/generation_group.h"

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
  std::optional<Error> broken;
  {
    GenerationGroup group(**model, energy_, default_max_tokens_, listener);
    for (const Job* job : jobs) group.add(*job);
    auto sound = (*model)->check_file();
    while (sound && !group.empty()) {
      sound = group.advance();
      if (sound && others_join) group.let_join();
    }
    host_.set_last_use(Clock::now());
    if (!sound) group.fail_all(sound.error());
    // What happened to the file happens to everybody who reads it; so does the loss of a GPU that nothing replaces.
    if (!sound && (sound.error().kind == ErrorKind::kIo || (*model)->engine().is_lost())) broken = sound.error();
  }
  if (broken) host_.drop(*broken);
}

}  // namespace linnet::daemon
