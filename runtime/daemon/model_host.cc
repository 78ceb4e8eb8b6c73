#include "runtime/daemon/model_host.h"

#include <algorithm>
#include <utility>

#include "runtime/base/process_memory.h"
#include "runtime/daemon/embedding.h"
#include "runtime/daemon/log.h"

namespace linnet::daemon {

class ModelHost::Watcher final : public language::PreparationWatcher, public engine::LoadWatcher {
 public:
  explicit Watcher(ModelHost& host) : host_(host) {}
  void note(const std::string& line) override { log(LogLevel::kNotice, line); }
  bool unpacking(std::uint64_t, std::uint64_t) override { return goes_on(); }
  bool packing(std::uint64_t, std::uint64_t) override { return goes_on(); }
  bool loading(std::uint64_t, std::uint64_t) override { return goes_on(); }

 private:
  bool goes_on() {
    host_.progress_ = Clock::now().time_since_epoch().count();
    return !host_.interrupted_;
  }

  ModelHost& host_;
};

ModelHost::ModelHost(std::map<std::string, ModelConfig> models, std::string default_model, HostOptions options,
                     MachineSource machine, Observer observer)
    : models_(std::move(models)),
      default_model_(std::move(default_model)),
      state_{.name = "", .state = "none", .reason = "", .context = 0, .planned = std::nullopt},
      options_(options),
      machine_(std::move(machine)),
      observer_(std::move(observer)) {}

ModelHost::~ModelHost() = default;

Result<ReadyModel*> ModelHost::ready(std::string_view name) {
  last_use_ = Clock::now();
  if (model_ && (name.empty() || name == model_->name())) {
    if (!model_->replaced()) return model_.get();
    log(LogLevel::kNotice, "model " + model_->name() + ": its file was replaced; it is opened anew");
    LINNET_CHECK(replace_by(model_->name()));
    return model_.get();
  }
  std::string wanted(name);
  if (wanted.empty()) {
    const std::lock_guard lock(mutex_);
    // A released or broken model comes back before the default does; one that never was ready does not.
    wanted = models_.contains(last_ready_) ? last_ready_ : default_model_;
  }
  if (wanted.empty()) return fail(ErrorKind::kAbsent, "no model is loaded and none is configured as the default");
  LINNET_CHECK(replace_by(wanted));
  return model_.get();
}

Result<ModelConfig> ModelHost::config_of(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(std::string(name));
  if (found == models_.end()) return fail(ErrorKind::kAbsent, "no model '" + std::string(name) + "' is configured");
  return found->second;
}

Result<std::unique_ptr<ReadyModel>> ModelHost::open(const std::string& name, const ModelConfig& config) {
  LINNET_TRY(const auto machine, machine_());
  Watcher watcher(*this);
  return ReadyModel::open(name, config, options_, machine, {watcher, &watcher});
}

// The new model becomes ready before the old one goes; where both do not fit, the old one goes first. `wanted` may be
// the old model's own name, which goes with it.
Result<void> ModelHost::replace_by(std::string_view wanted) {
  const std::string name(wanted);
  LINNET_TRY(const ModelConfig config, config_of(name));
  tell({.name = name, .state = "loading", .reason = "", .context = 0, .planned = std::nullopt});
  const auto started = Clock::now();
  auto opened = open(name, config);
  if (!opened && opened.error().kind == ErrorKind::kExhausted && model_) {
    log(LogLevel::kNotice, "model " + name + " does not fit beside " + model_->name() + ": that one goes first");
    model_.reset();
    opened = open(name, config);
  }
  if (!opened) {
    Error error = opened.error();
    // For whoever asked, a file that holds no model is one that cannot be read.
    if (error.kind == ErrorKind::kMalformed) error.kind = ErrorKind::kIo;
    log(LogLevel::kError, "model " + name + ": " + error.message);
    tell({.name = name, .state = "failed", .reason = error.message, .context = 0, .planned = std::nullopt});
    if (model_) tell_ready();  // The one before stays.
    return tl::unexpected(std::move(error));
  }
  model_ = std::move(*opened);
  last_use_ = Clock::now();
  last_ready_ = name;
  tell_ready();
  log(LogLevel::kInfo, "model " + name + " is ready after " +
                           std::to_string(static_cast<int>(milliseconds_between(started, last_use_))) + " ms, " +
                           to_string(model_->engine().plan().budgeted()) + " planned");
  return {};
}

void ModelHost::tell_ready() {
  const auto& plan = model_->engine().plan();
  tell({.name = model_->name(), .state = "ready", .reason = "", .context = plan.context, .planned = plan.budgeted()});
}

void ModelHost::release() {
  if (!model_) return;
  const std::string name = model_->name();
  model_.reset();
  return_free_memory();
  tell({.name = name, .state = "released", .reason = "", .context = 0, .planned = std::nullopt});
}

void ModelHost::drop(const Error& reason) {
  if (!model_) return;
  const std::string name = model_->name();
  model_.reset();
  log(LogLevel::kError, reason.message);
  tell({.name = name, .state = "failed", .reason = reason.message, .context = 0, .planned = std::nullopt});
}

void ModelHost::rest(Clock::time_point now) {
  if (!model_) return;
  const auto config = config_of(model_->name());
  if (!config || config->idle_unload.count() == 0 || now - last_use_ < config->idle_unload) return;
  log(LogLevel::kInfo, "model " + model_->name() + " was not used for its idle_unload_s and is released");
  release();
}

void ModelHost::mind_memory() {
  const auto news = memory_ != nullptr ? memory_->news() : std::nullopt;
  if (!news || !model_) return;
  engine::Engine& engine = model_->engine();
  const std::uint64_t steps = engine.metrics().steps;
  const bool is_idle = steps == std::exchange(steps_before_, steps);
  const Bytes given_back = news->is_short ? engine.give_back_idle() : Bytes{};
  if (news->is_short && is_idle) engine.cool_weights();
  const Bytes streamed_before = engine.metrics().streamed_weights;
  Bytes streamed = streamed_before;
  if (news->available) {
    // What the plan has not touched yet will come on top.
    const Bytes planned = engine.plan().total(engine::MemoryKind::kAnonymous);
    const Bytes untouched{planned.count - std::min(planned.count, memory_->anonymous().count)};
    streamed = engine.hold_weights({news->available->count - std::min(news->available->count, untouched.count)});
  }
  memory_->note(given_back, streamed);
  tell_of_memory(news->is_short, given_back, {streamed_before, streamed});
}

// Once when it becomes short, once when weights begin not to fit, and once when either is over.
void ModelHost::tell_of_memory(bool is_short, Bytes given_back, StreamedWeights streamed) {
  if (streamed.before.count == 0 && streamed.now.count != 0) {
    log(LogLevel::kWarning,
        "memory has no room for all weights: " + to_string(streamed.now) + " of them are read again for each token");
  }
  if (streamed.before.count != 0 && streamed.now.count == 0) log(LogLevel::kNotice, "all weights stay in memory again");
  if (is_short == std::exchange(told_short_, is_short)) return;
  if (is_short)
    log(LogLevel::kWarning, "memory is short: " + to_string(given_back) + " of KV cache given back at first");
  if (!is_short) log(LogLevel::kNotice, "memory is not short any more");
}

void ModelHost::configure(std::map<std::string, ModelConfig> models, std::string default_model) {
  const std::lock_guard lock(mutex_);
  models_ = std::move(models);
  default_model_ = std::move(default_model);
}

Result<void> ModelHost::load(const std::string& name) {
  LINNET_TRY(ReadyModel * model, ready(name));
  static_cast<void>(model);
  return {};
}

Result<void> ModelHost::unload(const std::string& name) {
  if (!model_ || model_->name() != name) return fail(ErrorKind::kAbsent, "model '" + name + "' is not loaded");
  release();
  return {};
}

Result<void> ModelHost::swap(const std::string& name) { return load(name); }

Result<std::string> ModelHost::embed(const EmbedArguments& arguments, FunctionRef<bool()> stopped) {
  LINNET_TRY(ReadyModel * model, ready(arguments.model));
  auto embedded = daemon::embed(*model, arguments.texts, stopped);
  last_use_ = Clock::now();
  const auto sound = model->check_file();
  if (sound && !model->engine().is_lost()) return embedded;
  Error why = sound ? embedded.error() : sound.error();
  drop(why);
  return tl::unexpected(std::move(why));
}

std::string ModelHost::loaded() const {
  const std::lock_guard lock(mutex_);
  return state_.state == "ready" ? state_.name : "";
}

std::vector<std::string> ModelHost::configured() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, model] : models_) names.push_back(name);
  return names;
}

ModelState ModelHost::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool ModelHost::is_configured(std::string_view name) const { return config_of(name).has_value(); }

void ModelHost::tell(const ModelState& state) {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
  }
  observer_(state);
}

}  // namespace linnet::daemon
