// The daemon's models: one is loaded, others wait on the disk; loads on demand, swaps, lets go of what nobody uses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/device_operations.h"
#include "runtime/daemon/memory_watch.h"
#include "runtime/daemon/ready_model.h"
#include "runtime/language/machine.h"

namespace linnet::daemon {

// What the world is told of the loaded model.
struct ModelState {
  std::string name;
  std::string_view state;  // "ready", "loading", "released", "failed", "none".
  std::string reason;      // Where it failed.
  std::size_t context = 0;
  std::optional<Bytes> planned;  // Anonymous memory and the weights that each token touches.
};

// load(), unload(), swap(), ready(), rest(), mind_memory() are for the worker's thread; state() and loaded() for any.
class ModelHost final : public ModelSlots {
 public:
  using MachineSource = std::function<Result<language::Machine>()>;
  using Observer = std::function<void(const ModelState&)>;  // On the worker's thread, at each change.

  ModelHost(std::map<std::string, ModelConfig> models, std::string default_model, HostOptions options,
            MachineSource machine, Observer observer);
  ~ModelHost() override;

  // The loaded model where it is `name` (or `name` is empty), else loads it; for an empty name the default.
  // A file that was put in the place of the loaded one is taken now. Errors: kAbsent (not configured), those of
  // ReadyModel::open. The pointer is valid until the next call.
  [[nodiscard]] Result<ReadyModel*> ready(std::string_view name);

  // The loaded model's file broke: lets go of it, so that the next ready() starts on what is there.
  void drop(const Error& reason);

  // From now on the loaded model gives memory back when this says that it is short. Borrowed.
  void obey(MemoryWatch* memory) { memory_ = memory; }
  // Does so where there is news: between steps, and while nobody asks.
  void mind_memory();

  // Releases a model that was not used for its idle_unload_s.
  void rest(Clock::time_point now);
  // When a client last used it. The daemon's own questions put back what they moved: they are no use.
  [[nodiscard]] Clock::time_point last_use() const { return last_use_; }
  void set_last_use(Clock::time_point time) { last_use_ = time; }

  // From now on these are the models that may be loaded; what is loaded stays.
  void configure(std::map<std::string, ModelConfig> models, std::string default_model);

  Result<void> load(const std::string& name) override;
  Result<void> unload(const std::string& name) override;
  Result<void> swap(const std::string& name) override;
  Result<std::string> embed(const EmbedArguments& arguments, FunctionRef<bool()> stopped) override;
  [[nodiscard]] std::string loaded() const override;
  [[nodiscard]] std::vector<std::string> configured() const override;
  [[nodiscard]] ModelState state() const;
  [[nodiscard]] bool is_configured(std::string_view name) const;

  // Stops a packing that runs, for the end of the daemon. Thread-safe.
  void interrupt() { interrupted_ = true; }
  // When packing last went on, for the watchdog. Thread-safe.
  [[nodiscard]] Clock::time_point last_progress() const { return Clock::time_point(Clock::duration(progress_.load())); }

 private:
  class Watcher;

  [[nodiscard]] Result<ModelConfig> config_of(std::string_view name) const;
  [[nodiscard]] Result<void> replace_by(std::string_view wanted);
  [[nodiscard]] Result<std::unique_ptr<ReadyModel>> open(const std::string& name, const ModelConfig& config);
  void release();
  struct StreamedWeights {
    Bytes before;
    Bytes now;
  };
  void tell_of_memory(bool is_short, Bytes given_back, StreamedWeights streamed);
  void tell(const ModelState& state);
  void tell_ready();

  mutable std::mutex mutex_;  // Of the configuration and the state.
  std::map<std::string, ModelConfig> models_;
  std::string default_model_;
  ModelState state_;
  HostOptions options_;
  MachineSource machine_;
  Observer observer_;
  std::unique_ptr<ReadyModel> model_;
  MemoryWatch* memory_ = nullptr;
  bool told_short_ = false;
  std::uint64_t steps_before_ = 0;  // That the engine had computed when there was news last.
  std::string last_ready_;          // Loaded now, or the last that was.
  Clock::time_point last_use_{};
  std::atomic<bool> interrupted_{false};
  std::atomic<Clock::rep> progress_{0};
};

}  // namespace linnet::daemon
