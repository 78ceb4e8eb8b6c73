// What the device tells of itself: service, resources and model, as one snapshot of named figures.
//
// The same figures go out as JSON over MQTT (health, metrics), as Prometheus text, and into the alarms, so they never
// disagree.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "hal/board.h"
#include "runtime/base/clock.h"
#include "runtime/daemon/histogram.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/memory_watch.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {

// Collected since the start; fed by the worker, read by the timer. Thread-safe.
class GenerationFigures {
 public:
  // One generation that ended: what the engine reported, and how long it waited before.
  void record(const JobReport& report, std::chrono::microseconds queued);
  void record_token_gap(std::chrono::microseconds gap);
  // The share of equal answers of the last canary run, 0 to 1.
  void record_consistency(double share);

  struct Totals {
    DurationHistogram first_token;
    DurationHistogram between_tokens;
    DurationHistogram queued;
    std::uint64_t tokens = 0;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t prefix_hits = 0;    // Answers whose prompt began as an earlier one's …
    std::uint64_t prefix_tokens = 0;  // … and the tokens that were not computed again.
    double log_probability = 0;
    std::chrono::microseconds busy{0};
    std::optional<double> consistency;
  };
  [[nodiscard]] Totals totals() const;

 private:
  mutable std::mutex mutex_;
  Totals totals_;
};

// What a snapshot is made from.
struct TelemetrySources {
  const ServiceCounters* counters = nullptr;
  const GenerationFigures* generation = nullptr;
  std::size_t queue_depth = 0;
  Journal::FlushCost flushes;
  bool broker_connected = false;
  std::uint64_t broker_connections = 0;
  std::optional<Bytes> planned_memory;    // Of the loaded model.
  std::optional<Bytes> anonymous_memory;  // Of this process: what only it holds.
  std::optional<Bytes> mapped_memory;     // Of this process: pages of files, the model above all.
  MemoryFigures memory;
  std::optional<double> storage_used;  // Share of the state directory's file system.
  std::optional<double> budget_used;   // Share of the day's energy budget.
  double tariff = 0;                   // Of a kilowatt hour; 0: no cost is told.
  std::optional<double> work_share;    // Of the time, as the governor allows.
};

// Figures by name, in the units that the names say; absent ones are not there. Rates are over the time since the last
// snapshot.
class Telemetry {
 public:
  // Reads the board's vitals and the sources; remembers them for the next rates.
  [[nodiscard]] std::map<std::string, double> snapshot(const TelemetrySources& sources, const hal::Facts& facts,
                                                       const hal::Vitals& vitals, Clock::time_point now);

  // Joules since the start, where the board measures the power of the whole module.
  [[nodiscard]] std::optional<double> joules() const { return joules_; }

 private:
  void add_service(std::map<std::string, double>& figures, const TelemetrySources& sources, double seconds);
  void add_model(std::map<std::string, double>& figures, const TelemetrySources& sources, double seconds);
  void add_board(std::map<std::string, double>& figures, const hal::Facts& facts, const hal::Vitals& vitals,
                 double seconds);
  void add_energy(std::map<std::string, double>& figures, const hal::Facts& facts, const hal::Vitals& vitals,
                  double seconds);
  void add_price(std::map<std::string, double>& figures, const TelemetrySources& sources);
  void add_usage(std::map<std::string, double>& figures, const hal::Vitals& vitals, double seconds);

  Clock::time_point last_{};
  std::optional<hal::CpuTime> last_cpu_time_;
  std::optional<hal::Traffic> last_network_;
  std::uint64_t last_received_ = 0;
  GenerationFigures::Totals last_totals_;
  std::optional<double> joules_;
  std::optional<double> last_joules_;  // At the last snapshot.
};

// The counters of this moment, all since the start.
void add_counters(std::map<std::string, double>& figures, const ServiceCounters& counters, std::size_t queue_depth);

// {"figure":value,…}, names in order; `extra` is put in front as it is ("\"epoch\":3,").
void write_figures(std::string& out, const std::map<std::string, double>& figures, std::string_view extra);

// Prometheus text format 0.0.4: counters, gauges and the three histograms, labelled with the node. Base units (seconds,
// bytes).
void write_prometheus(std::string& out, const std::map<std::string, double>& figures, const ServiceCounters& counters,
                      const GenerationFigures::Totals& totals, std::string_view node);

}  // namespace linnet::daemon
