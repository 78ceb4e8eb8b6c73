// The daemon as a whole: makes its parts from the configuration, runs them on their threads, ends them in order.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/base/result.h"
#include "runtime/daemon/alarms.h"
#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/broker_link.h"
#include "runtime/daemon/canary.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/device_operations.h"
#include "runtime/daemon/energy_budget.h"
#include "runtime/daemon/energy_meter.h"
#include "runtime/daemon/engine_backend.h"
#include "runtime/daemon/memory_watch.h"
#include "runtime/daemon/model_host.h"
#include "runtime/daemon/pacer.h"
#include "runtime/daemon/rule_actions.h"
#include "runtime/daemon/service.h"
#include "runtime/daemon/shared_board.h"
#include "runtime/daemon/state_directory.h"
#include "runtime/daemon/telemetry.h"
#include "runtime/daemon/telemetry_spool.h"

namespace linnet::daemon {

class Daemon final : private LinkEvents {
 public:
  // Opens everything but the broker and the model. Errors: those of SharedBoard::open, StateDirectory::open,
  // BrokerLink::create, Service::recover. A state directory that cannot be written is not one (docs/mqtt.md says what
  // is not promised then).
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> create(DaemonConfig config);
  ~Daemon() override;

  // Loads the default model where the configuration says so, then starts the threads. Ready when it returns.
  void start();
  // The timer's work: expiry, telemetry, pool. Call a few times a second.
  void tick();
  // Takes over what can change while it runs: roles, queue limits, models, rules, alarms, telemetry. The rest needs a
  // restart.
  void reload(const DaemonConfig& config);
  // Ends or fails what runs within the configured time, then leaves the broker.
  void stop();

  // Whether the network loop, the worker and the models progress.
  [[nodiscard]] bool progresses() const;

 private:
  explicit Daemon(DaemonConfig config);
  Result<void> open_parts();
  Result<Journal> open_journal();
  void open_spool();
  [[nodiscard]] bool home_assistant() const;
  void work();
  void make_service(Journal journal);

  void on_online() override;
  void on_request(const IncomingMessage& message) override;
  void on_acknowledged(int token, bool accepted) override;
  void on_turned() override;

  void publish_birth();
  void publish_model(const ModelState& state);
  void publish_health(Clock::time_point now);
  void publish_alarms(Clock::time_point now);
  void publish_discovery(bool wanted);
  void sample_board(Clock::time_point now);
  void tell_of_broker();
  void tell_of_pace();
  void tell_of_edges();
  void send_figures();
  void ask_canary();
  void publish(std::string_view tail, std::string_view payload, int qos, bool retain,
               std::optional<std::chrono::seconds> expiry = std::nullopt);
  [[nodiscard]] std::string status(const std::vector<RecentRequest>* recent = nullptr) const;
  Result<void> open_audit();
  [[nodiscard]] TelemetrySources sources() const;

  DaemonConfig config_;
  std::string boot_id_;
  bool journal_on_disk_ = false;
  std::unique_ptr<SharedBoard> board_;
  std::optional<StateDirectory> state_;
  std::optional<AuditTrail> audit_;
  std::unique_ptr<DeviceLines> lines_;
  MemoryWatch memory_watch_;
  std::unique_ptr<ModelHost> host_;
  EnergyMeter energy_;
  EnergyBudget energy_budget_;
  Pacer pacer_;
  std::unique_ptr<EngineBackend> backend_;
  std::unique_ptr<BrokerLink> link_;
  std::unique_ptr<RuleActions> actions_;
  std::unique_ptr<DeviceOperations> operations_;
  GenerationFigures generation_figures_;
  ServiceClock clock_;
  std::unique_ptr<Service> service_;
  std::optional<Canary> canary_;
  std::optional<TelemetrySpool> spool_;
  Telemetry telemetry_;
  Alarms alarms_;
  mutable std::mutex figures_mutex_;
  std::map<std::string, double> figures_;
  hal::Vitals vitals_;
  std::atomic<bool> health_due_{true};
  Clock::time_point last_sample_{};
  Clock::time_point last_look_{};
  std::string told_pace_;     // What was told of it last; empty: nothing out of the ordinary.
  std::string told_failure_;  // Of the connection; empty while there is one.
  Clock::time_point last_health_{};
  std::atomic<int> turns_after_request_{0};  // Of the control session; counts from a request on.
  std::atomic<Clock::rep> worker_beat_{0};
  std::thread worker_;
};

}  // namespace linnet::daemon
