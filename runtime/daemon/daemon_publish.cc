// What the daemon says unasked: presence, health and figures, alarms, Home Assistant's discovery.

#include <utility>

#include "runtime/base/process_memory.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/home_assistant.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/report.h"

namespace linnet::daemon {
namespace {

constexpr std::size_t kSpooledAtOnce = 20;  // A tick sends so many, after the broker is back.

}  // namespace

void Daemon::publish(std::string_view tail, std::string_view payload, int qos, bool retain,
                     std::optional<std::chrono::seconds> expiry) {
  const std::string topic = device_topic(config_.address, tail);
  OutgoingMessage message;
  message.topic = topic;
  message.payload = payload;
  message.qos = qos;
  message.retain = retain;
  message.expiry = expiry;
  // Not connected: what is retained is sent again when the broker is back, figures are about now.
  (void)link_->publish(message);
}

void Daemon::publish_birth() {
  std::string birth;
  write_birth(birth, {.epoch = link_->epoch(),
                      .boot_id = boot_id_,
                      .display_name = config_.display_name,
                      .journal_on_disk = journal_on_disk_,
                      .facts = &board_->facts(),
                      .models = host_->configured(),
                      .lines = &config_.lines,
                      .limits = RequestLimits{}});
  publish("birth", birth, 1, true);
}

void Daemon::publish_model(const ModelState& state) {
  std::string text;
  write_model(text, state);
  publish("model/current", text, 1, true);
}

void Daemon::publish_health(Clock::time_point) {
  publish("health", status(), 0, true, 3 * config_.telemetry_period);
  if (config_.metrics_file.empty()) return;
  std::string text;
  {
    const std::lock_guard lock(figures_mutex_);
    write_prometheus(text, figures_, service_->counters(), generation_figures_.totals(), config_.address.node);
  }
  const auto written = replace_file(config_.metrics_file, text);
  if (!written) log(LogLevel::kWarning, written.error().message);
}

void Daemon::publish_alarms(Clock::time_point now) {
  std::vector<AlarmChange> changes;
  {
    const std::lock_guard lock(figures_mutex_);
    changes = alarms_.update(figures_, now);
  }
  for (const AlarmChange& change : changes) {
    std::string text;
    write_alarm(text, change);
    log(change.raised ? LogLevel::kWarning : LogLevel::kNotice,
        "alarm " + change.name + (change.raised ? " raised" : " cleared"));
    service_->add_event("event/alarm", text);
  }
}

// The kernel kept them with their times; so a few a second are early enough.
void Daemon::tell_of_edges() {
  for (const auto& [line, event] : lines_->edges()) {
    std::string text;
    write_edge(text, line, event);
    service_->add_event("event/gpio", text);
  }
}

std::string Daemon::status(const std::vector<RecentRequest>* recent) const {
  std::string out;
  const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.boot_time());
  const std::lock_guard lock(figures_mutex_);
  // Whoever asks gets the counters of this moment; rates and shares are of the last period.
  std::map<std::string, double> figures = figures_;
  if (recent != nullptr) add_counters(figures, service_->counters(), service_->queue_depth());
  write_status(out, {.epoch = link_->epoch(),
                     .at = at,
                     .model = host_->state(),
                     .journal_on_disk = journal_on_disk_,
                     .alarms = alarms_.raised(),
                     .figures = &figures,
                     .recent = recent});
  return out;
}

TelemetrySources Daemon::sources() const {
  TelemetrySources sources;
  sources.counters = &service_->counters();
  sources.generation = &generation_figures_;
  sources.queue_depth = service_->queue_depth();
  sources.flushes = service_->flush_cost();
  const MqttStatus link = link_->status();
  sources.broker_connected = link.connected;
  sources.broker_connections = link.connections;
  sources.planned_memory = host_->state().planned;
  if (const auto memory = measure_process_memory()) {
    sources.anonymous_memory = memory->anonymous;
    sources.mapped_memory = memory->mapped;
  }
  sources.memory = memory_watch_.figures();
  sources.storage_used = state_->storage_used();
  sources.budget_used = energy_budget_.used();
  sources.tariff = config_.tariff;
  if (config_.governor) sources.work_share = pacer_.pace().work_share;
  return sources;
}

// Each snapshot goes to metrics/all; those that found no broker follow when it is back, with the time they are of.
void Daemon::send_figures() {
  std::string text;
  const std::string front = "\"at\":" + std::to_string(clock_.wall().count()) +
                            ",\"epoch\":" + std::to_string(link_->epoch()) + ",\"figures\":";
  {
    const std::lock_guard lock(figures_mutex_);
    write_figures(text, figures_, "");
  }
  text = "{" + front + text + "}";
  if (link_->status().connected) {
    publish("metrics/all", text, 0, false);
  } else if (spool_) {
    (void)spool_->add(text);
  }
  if (!spool_ || !link_->status().connected) return;
  const auto entries = spool_->oldest(kSpooledAtOnce);
  if (!entries || entries->empty()) return;
  for (const auto& entry : *entries) {
    if (!entry.text.empty()) publish("metrics/all", entry.text, 0, false);
  }
  (void)spool_->remove_up_to(entries->back().sequence);
  health_due_ = true;  // Another twenty with the next tick.
}

void Daemon::publish_discovery(bool wanted) {
  std::string text;
  if (wanted) write_discovery(text, config_.address, config_.display_name, board_->facts().name);
  const std::string topic = discovery_topic(config_.address);
  OutgoingMessage message;
  message.topic = topic;
  message.payload = text;  // An empty one removes the device.
  message.qos = 1;
  message.retain = true;
  (void)link_->publish(message);
}

}  // namespace linnet::daemon
