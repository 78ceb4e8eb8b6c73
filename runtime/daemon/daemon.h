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
#include "runtime/daemon/broker_link.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/device_operations.h"
#include "runtime/daemon/engine_backend.h"
#include "runtime/daemon/model_host.h"
#include "runtime/daemon/rule_actions.h"
#include "runtime/daemon/service.h"
#include "runtime/daemon/shared_board.h"
#include "runtime/daemon/state_directory.h"
#include "runtime/daemon/telemetry.h"

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
  // Ends or fails what runs within the configured time, then leaves the broker.
  void stop();

  // Whether the network loop, the worker and the models progress.
  [[nodiscard]] bool progresses() const;

 private:
  explicit Daemon(DaemonConfig config);
  Result<void> open_parts();
  Result<Journal> open_journal();
  void work();
  void make_service(Journal journal);

  void on_online() override;
  void on_request(const IncomingMessage& message) override;
  void on_acknowledged(int token, bool accepted) override;

  void publish_birth();
  void publish_model(const ModelState& state);
  void publish_health(Clock::time_point now);
  void publish_alarms(Clock::time_point now);
  void publish(std::string_view tail, std::string_view payload, int qos, bool retain,
               std::optional<std::chrono::seconds> expiry = std::nullopt);
  [[nodiscard]] std::string status() const;
  [[nodiscard]] TelemetrySources sources() const;

  DaemonConfig config_;
  std::string boot_id_;
  bool journal_on_disk_ = false;
  std::unique_ptr<SharedBoard> board_;
  std::optional<StateDirectory> state_;
  std::unique_ptr<DeviceLines> lines_;
  std::unique_ptr<ModelHost> host_;
  std::unique_ptr<EngineBackend> backend_;
  std::unique_ptr<BrokerLink> link_;
  std::unique_ptr<RuleActions> actions_;
  std::unique_ptr<DeviceOperations> operations_;
  GenerationFigures generation_figures_;
  ServiceClock clock_;
  std::unique_ptr<Service> service_;
  Telemetry telemetry_;
  Alarms alarms_;
  mutable std::mutex figures_mutex_;
  std::map<std::string, double> figures_;
  Clock::time_point last_health_{};
  std::atomic<Clock::rep> worker_beat_{0};
  std::thread worker_;
};

}  // namespace linnet::daemon
