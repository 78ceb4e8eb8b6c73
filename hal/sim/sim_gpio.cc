#include "hal/sim/sim_gpio.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace linnet::hal {
namespace {

std::chrono::milliseconds since(Clock::time_point start, Clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - start);
}

// One write a change, so that none is found half.
void append_record(int file, const std::string& name, bool active, bool released) {
  const std::string text = name + (active ? " active" : " inactive") + (released ? " released\n" : "\n");
  [[maybe_unused]] const auto written = write(file, text.data(), text.size());
}

bool wanted(EdgeDetection edges, bool rising) {
  return edges == EdgeDetection::kBoth || edges == (rising ? EdgeDetection::kRising : EdgeDetection::kFalling);
}

}  // namespace

class SimGpioLine final : public GpioLine {
 public:
  SimGpioLine(SimGpio& gpio, LineSettings settings) : gpio_(gpio), settings_(std::move(settings)) {
    if (settings_.direction == Direction::kOutput) gpio_.drive(settings_.name, settings_.safe_active, false);
  }

  ~SimGpioLine() override {
    if (settings_.direction == Direction::kOutput) gpio_.drive(settings_.name, settings_.safe_active, true);
    gpio_.release(settings_.name);
  }

  const LineSettings& settings() const override { return settings_; }

  Result<void> set_active(bool active) override {
    if (settings_.direction != Direction::kOutput) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": an input cannot be driven");
    }
    gpio_.drive(settings_.name, active, false);
    return {};
  }

  Result<bool> active() override {
    const std::lock_guard lock(gpio_.mutex_);
    if (settings_.direction == Direction::kOutput) return gpio_.states_.at(settings_.name).active;
    return gpio_.scripted_level(settings_.name, Clock::now());
  }

  Result<std::optional<EdgeEvent>> wait_edge(std::chrono::milliseconds timeout) override {
    if (settings_.edges == EdgeDetection::kNone) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": requested without edge detection");
    }
    const auto deadline = Clock::now() + timeout;
    const auto& edges = gpio_.states_.at(settings_.name).line.edges;  // Fixed since the board was made.
    while (next_edge_ < edges.size()) {
      const auto [offset, rising] = edges[next_edge_];
      const auto time = gpio_.start_ + offset;
      if (time > deadline) break;
      std::this_thread::sleep_until(time);
      ++next_edge_;
      if (wanted(settings_.edges, rising)) return EdgeEvent{time.time_since_epoch(), rising};
    }
    std::this_thread::sleep_until(deadline);
    return std::nullopt;
  }

 private:
  SimGpio& gpio_;
  LineSettings settings_;
  std::size_t next_edge_ = 0;
};

SimGpio::SimGpio(std::vector<SimLine> lines, Clock::time_point start) : start_(start) {
  for (SimLine& line : lines) {
    const std::string name = line.name;
    states_[name].line = std::move(line);
  }
}

SimGpio::~SimGpio() {
  if (record_ >= 0) close(record_);
}

Result<void> SimGpio::record_to(const std::string& path) {
  record_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (record_ < 0) return fail(ErrorKind::kIo, path + ": cannot be opened: " + std::strerror(errno));
  return {};
}

std::vector<LineInfo> SimGpio::lines() {
  const std::lock_guard lock(mutex_);
  std::vector<LineInfo> infos;
  unsigned offset = 0;
  for (const auto& [name, state] : states_) {
    infos.push_back({name, "sim", offset++, state.direction, state.held ? "linnet" : ""});
  }
  return infos;
}

Result<std::unique_ptr<GpioLine>> SimGpio::request(const LineSettings& settings) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(settings.name);
    if (found == states_.end()) return fail(ErrorKind::kAbsent, "no GPIO line is named '" + settings.name + "'");
    State& state = found->second;
    if (state.line.failure)
      return fail(*state.line.failure, settings.name + ": the simulated line fails as its file says");
    if (state.held) return fail(ErrorKind::kBusy, settings.name + ": the line is held already");
    state.held = true;
    state.direction = settings.direction;
  }
  return std::make_unique<SimGpioLine>(*this, settings);
}

void SimGpio::drive(const std::string& name, bool active, bool released) {
  std::function<void(const LineChange&)> listener;
  LineChange change;
  {
    const std::lock_guard lock(mutex_);
    if (record_ >= 0) append_record(record_, name, active, released);
    states_.at(name).active = active;
    change = {since(start_, Clock::now()), name, active, released};
    changes_.push_back(change);
    listener = listener_;
  }
  if (listener) listener(change);
}

void SimGpio::release(const std::string& name) {
  const std::lock_guard lock(mutex_);
  states_.at(name).held = false;
}

bool SimGpio::scripted_level(const std::string& name, Clock::time_point now) const {
  bool level = false;
  for (const auto& [offset, active] : states_.at(name).line.edges) {
    if (start_ + offset > now) break;
    level = active;
  }
  return level;
}

std::vector<LineChange> SimGpio::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

void SimGpio::on_change(std::function<void(const LineChange&)> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace linnet::hal
