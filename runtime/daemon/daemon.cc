#include "runtime/daemon/daemon.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "runtime/daemon/caught.h"
#include "runtime/daemon/config_files.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/log.h"

namespace linnet::daemon {
namespace {

constexpr std::chrono::milliseconds kWorkPatience{200};
constexpr std::chrono::seconds kSampleEvery{1};  // I2C sensors are slow; faster tells nothing more.
constexpr std::chrono::seconds kLookEvery{60};   // For sensors that appear late: lists folders.
constexpr std::int64_t kMostSpooled = 2880;      // A day at 30 s.
// A connection attempt blocks its thread for as long as the kernel tries: about 130 s.
constexpr std::chrono::seconds kLongestSilentLink{180};
// A prefill chunk or a load on the slowest board; tokens, loads and idling come much faster.
constexpr std::chrono::seconds kLongestSilentWorker{120};

std::string read_first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// From the file that the configuration names, or systemd's credential "mqtt-password".
std::string read_password(const DaemonConfig& config) {
  if (!config.password_file.empty()) return read_first_line(config.password_file);
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  return credentials == nullptr ? "" : read_first_line(std::string(credentials) + "/mqtt-password");
}

}  // namespace

Daemon::Daemon(DaemonConfig config)
    : config_(std::move(config)),
      boot_id_(read_first_line("/proc/sys/kernel/random/boot_id")),
      energy_budget_(config_.energy_budget_wh),
      alarms_(config_.alarms) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::create(DaemonConfig config) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(config)));
  LINNET_CHECK(daemon->open_parts());
  return daemon;
}

Result<void> Daemon::open_parts() {
  for (const std::string& line : unreadable_files(config_)) log(LogLevel::kWarning, line);
  LINNET_TRY(board_, SharedBoard::open(config_.board, config_.plugin_directory));
  LINNET_TRY(StateDirectory state, StateDirectory::open(config_.state_directory));
  state_.emplace(std::move(state));
  lines_ = std::make_unique<DeviceLines>(config_.lines, board_->gpio());
  const HostOptions host{.threads = config_.threads,
                         .memory_budget = config_.memory_budget,
                         .at_once = config_.at_once,
                         .may_pause = config_.may_pause,
                         .device = config_.device,
                         .cache_format = config_.cache_format,
                         .memory = config_.memory};
  host_ = std::make_unique<ModelHost>(
      config_.models, config_.default_model, host, [this] { return board_->machine(); },
      [this](const ModelState& model) { publish_model(model); });
  host_->obey(&memory_watch_);
  config_.mqtt.password = read_password(config_);
  LINNET_TRY(link_, BrokerLink::create(
                        {config_.mqtt, config_.address, config_.pool, config_.pool_models},
                        [this] { return state_->next_epoch(); }, *this));
  actions_ = std::make_unique<RuleActions>(config_.rules, *lines_, *link_);
  LINNET_CHECK(open_audit());
  operations_ = std::make_unique<DeviceOperations>(
      *lines_, *host_, *audit_,
      [this] {
        const auto recent = service_->recent();
        return status(&recent);
      },
      [this] { on_online(); });
  canary_.emplace(config_.canaries, config_.canary_period);
  open_spool();
  LINNET_TRY(Journal journal, open_journal());
  make_service(std::move(journal));
  return service_->recover();
}

// Where it cannot be on the disk, this process alone knows.
Result<void> Daemon::open_audit() {
  if (state_->writable()) {
    auto trail = AuditTrail::open(state_->file("audit.db"), state_->file("refusals.db"));
    if (!trail) {
      log(LogLevel::kWarning, "audit records are not kept on the disk: " + trail.error().message);
    } else {
      audit_.emplace(*std::move(trail));
    }
  }
  if (audit_) return {};
  LINNET_TRY(AuditTrail trail, AuditTrail::open(":memory:", ":memory:"));
  audit_.emplace(std::move(trail));
  return {};
}

// Without one, figures of the time without a broker are lost, and nothing else.
void Daemon::open_spool() {
  if (!state_->writable()) return;
  auto spool = TelemetrySpool::open(state_->file("telemetry.db"), kMostSpooled);
  if (!spool) return log(LogLevel::kWarning, "no telemetry spool: " + spool.error().message);
  spool_.emplace(std::move(*spool));
}

// On the disk; where that cannot be, in memory, and said. A damaged file is put aside, not deleted.
Result<Journal> Daemon::open_journal() {
  JournalLimits limits;
  // What the queue may hold, what runs, and what ends while the disk is slow.
  limits.unfinished = std::max(limits.unfinished, config_.admission.waiting + 64);
  journal_on_disk_ = state_->writable();
  if (journal_on_disk_) {
    const std::string path = state_->file("journal.db");
    auto journal = Journal::open(path, limits);
    if (journal) return journal;
    log(LogLevel::kError, path + ": " + journal.error().message);
    if (journal.error().kind == ErrorKind::kMalformed) {
      std::error_code ignored;
      std::filesystem::rename(path, path + ".damaged", ignored);
      for (const char* rest : {"-wal", "-shm"}) std::filesystem::remove(path + rest, ignored);
      log(LogLevel::kError, "it was put aside as journal.db.damaged; earlier requests and outcomes are not known");
      journal = Journal::open(path, limits);
      if (journal) return journal;
    }
    journal_on_disk_ = false;
  }
  log(LogLevel::kError, "no journal on the disk (" + state_->why_not() +
                            "): requests do not outlive this process, durable ones are refused");
  return Journal::open(":memory:", limits);
}

void Daemon::make_service(Journal journal) {
  ServiceOptions options;
  options.address = config_.address;
  options.reply_prefix = config_.reply_prefix;
  options.boot_id = boot_id_;
  options.roles = config_.roles;
  options.admission = config_.admission;
  options.actions = actions_.get();
  options.figures = &generation_figures_;
  options.keeps_durable = journal_on_disk_;
  options.audit = &*audit_;
  options.pacer = &pacer_;
  options.tariff = config_.tariff;
  backend_ = std::make_unique<EngineBackend>(*host_, energy_, config_.at_once, options.default_max_tokens);
  if (config_.governor) backend_->obey(&pacer_);
  service_ = std::make_unique<Service>(std::move(options), std::move(journal), *backend_, *link_, *operations_, clock_);
}

void Daemon::start() {
  const auto model = config_.models.find(config_.default_model);
  // A model that cannot be loaded is no reason to end: the device stays to be seen and mended.
  if (model != config_.models.end() && model->second.load_at_start) (void)host_->load(model->first);
  worker_beat_ = Clock::now().time_since_epoch().count();
  worker_ = std::thread([this] { work(); });
  link_->start();
}

void Daemon::work() {
  while (service_->run_next(kWorkPatience)) {
    try {
      host_->rest(Clock::now());
      host_->mind_memory();
      ask_canary();
    } catch (...) {
      log(LogLevel::kError, caught().words());
    }
    worker_beat_ = Clock::now().time_since_epoch().count();
  }
}

// Only while nobody waits, and of the model that is loaded: it must not keep one from being released.
void Daemon::ask_canary() {
  if (service_->queue_depth() > 0) return;
  const auto last_use = host_->last_use();
  const auto share = canary_->ask(*backend_, host_->loaded(), Clock::now());
  host_->set_last_use(last_use);
  if (share) generation_figures_.record_consistency(*share);
}

void Daemon::sample_board(Clock::time_point now) {
  if (now - last_sample_ < kSampleEvery) return;
  last_sample_ = now;
  if (now - last_look_ >= kLookEvery) {
    last_look_ = now;
    board_->look_for_sensors();
  }
  vitals_ = board_->sample();
  memory_watch_.sample(vitals_);
  energy_.sample(board_->facts(), vitals_, now);
  energy_budget_.sample(energy_.joules(now), now);
  pacer_.note_budget(energy_budget_.used());
  if (!config_.governor) return;
  pacer_.sample(board_->facts(), vitals_, {.power = config_.power_budget});
  tell_of_pace();
}

// Ordinary steering by temperature is a figure, work_share; what somebody should look at is told once a cause.
void Daemon::tell_of_pace() {
  const Pace pace = pacer_.pace();
  const bool ordinary = pace.admit && (pace.reason.empty() || pace.reason == "temperature");
  const std::string_view reason = ordinary ? std::string_view() : pace.reason;
  if (reason == told_pace_) return;
  if (reason.empty()) {
    log(LogLevel::kNotice, "ordinary pace again (it was slower: " + told_pace_ + ")");
  } else {
    log(LogLevel::kWarning, "slower: " + std::string(reason) + (pace.admit ? "" : "; no new work until it has cooled"));
  }
  told_pace_ = reason;
}

// Once a cause, for a broker that stays away would fill the log.
void Daemon::tell_of_broker() {
  const MqttStatus status = link_->status();
  if (status.connected) return told_failure_.clear();
  if (status.last_failure.empty() || status.last_failure == told_failure_) return;
  told_failure_ = status.last_failure;
  log(LogLevel::kWarning, "no broker: " + told_failure_ + "; it is tried again and again");
}

void Daemon::tick() {
  const auto now = Clock::now();
  sample_board(now);
  tell_of_broker();
  service_->tick();
  tell_of_edges();
  link_->take_pool_work(service_->wants_pool_work() && pacer_.pace().admit);
  if (now - last_health_ < config_.telemetry_period && !health_due_.exchange(false)) return;
  last_health_ = now;
  {
    const std::lock_guard lock(figures_mutex_);
    figures_ = telemetry_.snapshot(sources(), board_->facts(), vitals_, now);
  }
  publish_health(now);
  publish_alarms(now);
  send_figures();
}

void Daemon::reload(const DaemonConfig& config) {
  service_->set_policy(config.roles, config.admission);
  host_->configure(config.models, config.default_model);
  actions_->configure(config.rules);
  canary_->configure(config.canaries, config.canary_period);
  energy_budget_.set(config.energy_budget_wh);
  if (config_.home_assistant != config.home_assistant) publish_discovery(config.home_assistant);
  const std::lock_guard lock(figures_mutex_);
  alarms_.configure(config.alarms);
  config_.telemetry_period = config.telemetry_period;
  config_.metrics_file = config.metrics_file;
  config_.home_assistant = config.home_assistant;
  log(LogLevel::kInfo,
      "reloaded roles, queue limits, models, rules, alarms, canaries and telemetry; the rest needs a restart");
}

void Daemon::stop() {
  log(LogLevel::kInfo, "stopping");
  link_->take_pool_work(false);
  host_->interrupt();
  service_->stop(config_.stop_time);
  worker_.join();
  service_->tick();  // What ended last goes out; what is not acknowledged in time waits for the next start.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  link_->stop();
}

bool Daemon::progresses() const {
  const auto now = Clock::now();
  const auto beat = std::max(Clock::time_point(Clock::duration(worker_beat_.load())),
                             std::max(service_->last_progress(), host_->last_progress()));
  return now - link_->last_tick() < kLongestSilentLink && now - beat < kLongestSilentWorker;
}

void Daemon::on_request(const IncomingMessage& message) {
  service_->receive(message);
  turns_after_request_ = 1;
}

void Daemon::on_turned() {
  // The acknowledgement is written in the turn after the one that read the request, at the latest.
  if (turns_after_request_ > 0 && ++turns_after_request_ > 3) {
    turns_after_request_ = 0;
    fail_point(FailPoint::kTakenOver);
  }
}

bool Daemon::home_assistant() const {
  const std::lock_guard lock(figures_mutex_);
  return config_.home_assistant;
}

void Daemon::on_acknowledged(int token, bool accepted) { service_->on_acknowledged(token, accepted); }

void Daemon::on_online() {
  publish_birth();
  publish_model(host_->state());
  if (home_assistant()) publish_discovery(true);
  health_due_ = true;  // Sent by the next tick.
  service_->on_online();
}

}  // namespace linnet::daemon
