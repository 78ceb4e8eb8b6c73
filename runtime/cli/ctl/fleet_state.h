// What `linnet ctl watch` knows of many devices, and its picture of them, a row each: no network, no terminal.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/cli/ctl/screen_text.h"

namespace linnet::cli::ctl {

// A message of a device about itself.
struct Told {
  std::string_view tail;  // Of its topic, below the device's.
  std::string_view payload;
  std::string_view epoch;  // The user property; empty where there is none.
  bool retained = false;
  Clock::time_point at;
};

class FleetState {
 public:
  // `named`: their rows alone, whether anything is heard of them or not; none: whoever is heard of.
  FleetState(std::string group, const std::vector<std::string>& named);

  void on_told(std::string_view node, const Told& told);
  void on_connection(bool connected, Clock::time_point now);
  void on_refusal(std::string_view reason) { refusal_ = one_line(reason); }

  // A line a device: for pipes and logs.
  [[nodiscard]] std::string lines(Clock::time_point now) const;
  // One JSON object on a line: docs/fleet.md tells its members.
  [[nodiscard]] std::string json(Clock::time_point now) const;
  // At most `rows` lines of at most `columns` characters.
  [[nodiscard]] std::vector<ScreenLine> screen(std::size_t columns, std::size_t rows, Clock::time_point now) const;

  // Rows beyond it are not kept: a broker that lets anybody invent devices must not fill the memory.
  static constexpr std::size_t kMostDevices = 4096;

 private:
  struct Device {
    std::string availability;             // As it was told last; empty: nothing was.
    std::optional<double> epoch_of_told;  // That came with it.
    std::optional<double> epoch;          // Of the last birth.
    std::string software, model, model_state;
    std::vector<std::string> alarms;
    std::optional<double> queue, tokens_per_second, temperature, work_share;
    std::optional<Clock::time_point> heard;  // Of the last message that was not kept by the broker.
    std::optional<double> health_ms;         // When the last `health` was written, by the device's clock.
    Clock::duration period = kUsualPeriod;   // From one `health` to the next.
  };

  // Of linnetd (telemetry.period_s), until two of a device were heard.
  static constexpr std::chrono::seconds kUsualPeriod{30};

  [[nodiscard]] Device* device(std::string_view node);
  void forget(std::string_view node);
  static void take_birth(Device& device, const nlohmann::json& birth);
  static void take_health(Device& device, const nlohmann::json& health);
  static void take_model(Device& device, const nlohmann::json& model);
  [[nodiscard]] std::string state_of(const Device& device, Clock::time_point now) const;
  [[nodiscard]] std::string headline(Clock::time_point now) const;
  [[nodiscard]] std::optional<double> seconds_since(const Device& device, Clock::time_point now) const;

  std::string group_;
  bool only_named_;
  bool connected_ = true;
  bool too_many_ = false;
  Clock::time_point connected_at_{};
  std::string refusal_;
  std::map<std::string, Device, std::less<>> devices_;  // By name.
};

}  // namespace linnet::cli::ctl
