// The simulated board's lines: driven by code, changed by a script, every change recorded.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hal/gpio.h"
#include "hal/sim/sim_board.h"
#include "runtime/base/clock.h"

namespace linnet::hal {

// A line as the file describes it.
struct SimLine {
  std::string name;
  std::optional<ErrorKind> failure;                               // How every request of it fails.
  std::vector<std::pair<std::chrono::milliseconds, bool>> edges;  // Ascending; what an input does after start.
};

class SimGpio final : public Gpio {
 public:
  SimGpio(std::vector<SimLine> lines, Clock::time_point start);
  SimGpio(const SimGpio&) = delete;
  SimGpio& operator=(const SimGpio&) = delete;
  ~SimGpio() override;

  std::vector<LineInfo> lines() override;
  Result<std::unique_ptr<GpioLine>> request(const LineSettings& settings) override;

  [[nodiscard]] std::vector<LineChange> changes() const;
  void on_change(std::function<void(const LineChange&)> listener);
  // Appends each change to a file from now on, before it is told: what was done outlives a killed process.
  // Errors: kIo.
  [[nodiscard]] Result<void> record_to(const std::string& path);

 private:
  friend class SimGpioLine;

  struct State {
    SimLine line;
    bool held = false;
    bool active = false;
    Direction direction = Direction::kInput;
  };

  void drive(const std::string& name, bool active, bool released);
  void release(const std::string& name);
  // The level that the script gives an input at `now`.
  bool scripted_level(const std::string& name, Clock::time_point now) const;

  mutable std::mutex mutex_;
  std::map<std::string, State> states_;
  std::vector<LineChange> changes_;
  std::function<void(const LineChange&)> listener_;
  Clock::time_point start_;
  int record_ = -1;
};

}  // namespace linnet::hal
