// The plug-in for libgpiod 1.6 (Debian 12, Ubuntu 22.04 and 24.04).

#include <gpiod.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "hal/linux/gpio_failure.h"
#include "hal/linux/gpio_plugin.h"

namespace linnet::hal {
namespace {

constexpr const char* kConsumer = "linnet";

int bias_flag(Bias bias) {
  switch (bias) {
    case Bias::kAsIs: return 0;
    case Bias::kDisabled: return GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE;
    case Bias::kPullUp: return GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP;
    case Bias::kPullDown: return GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN;
  }
  return 0;
}

int request_type(const LineSettings& settings) {
  if (settings.direction == Direction::kOutput) return GPIOD_LINE_REQUEST_DIRECTION_OUTPUT;
  switch (settings.edges) {
    case EdgeDetection::kNone: return GPIOD_LINE_REQUEST_DIRECTION_INPUT;
    case EdgeDetection::kRising: return GPIOD_LINE_REQUEST_EVENT_RISING_EDGE;
    case EdgeDetection::kFalling: return GPIOD_LINE_REQUEST_EVENT_FALLING_EDGE;
    case EdgeDetection::kBoth: return GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES;
  }
  return GPIOD_LINE_REQUEST_DIRECTION_INPUT;
}

// A 32-bit system's timespec has narrower fields, which a wait of minutes fits.
timespec to_timespec(std::chrono::milliseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  timespec time{};
  time.tv_sec = static_cast<decltype(time.tv_sec)>(seconds.count());
  time.tv_nsec = static_cast<decltype(time.tv_nsec)>(std::chrono::nanoseconds(duration - seconds).count());
  return time;
}

class Line final : public GpioLine {
 public:
  // Takes over `line` (from gpiod_line_find) and its chip.
  Line(gpiod_line* line, LineSettings settings) : line_(line), settings_(std::move(settings)) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  ~Line() override {
    if (requested_ && settings_.direction == Direction::kOutput) gpiod_line_set_value(line_, settings_.safe_active);
    gpiod_line_close_chip(line_);  // Releases the line too.
  }

  Result<void> request() {
    const int flags = bias_flag(settings_.bias) | (settings_.active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0);
    const gpiod_line_request_config config{kConsumer, request_type(settings_), flags};
    if (gpiod_line_request(line_, &config, settings_.safe_active) != 0) {
      return gpio_failure(settings_.name, "cannot be requested", errno);
    }
    requested_ = true;
    return {};
  }

  const LineSettings& settings() const override { return settings_; }

  Result<void> set_active(bool active) override {
    if (settings_.direction != Direction::kOutput) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": an input cannot be driven");
    }
    if (gpiod_line_set_value(line_, active) != 0) return gpio_failure(settings_.name, "cannot be driven", errno);
    return {};
  }

  Result<bool> active() override {
    const int value = gpiod_line_get_value(line_);
    if (value < 0) return gpio_failure(settings_.name, "cannot be read", errno);
    return value != 0;
  }

  Result<std::optional<EdgeEvent>> wait_edge(std::chrono::milliseconds timeout) override {
    if (settings_.edges == EdgeDetection::kNone) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": requested without edge detection");
    }
    const timespec limit = to_timespec(timeout);
    const int ready = gpiod_line_event_wait(line_, &limit);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return std::nullopt;
    gpiod_line_event event{};
    if (ready < 0 || gpiod_line_event_read(line_, &event) != 0)
      return gpio_failure(settings_.name, "gives no events", errno);
    const auto time = std::chrono::seconds(event.ts.tv_sec) + std::chrono::nanoseconds(event.ts.tv_nsec);
    return EdgeEvent{time, event.event_type == GPIOD_LINE_EVENT_RISING_EDGE};
  }

 private:
  gpiod_line* line_;
  LineSettings settings_;
  bool requested_ = false;
};

LineInfo describe(gpiod_chip* chip, gpiod_line* line) {
  const auto text = [](const char* name) { return std::string(name == nullptr ? "" : name); };
  return {text(gpiod_line_name(line)), text(gpiod_chip_name(chip)), gpiod_line_offset(line),
          gpiod_line_direction(line) == GPIOD_LINE_DIRECTION_OUTPUT ? Direction::kOutput : Direction::kInput,
          text(gpiod_line_consumer(line))};
}

class Gpiod1 final : public Gpio {
 public:
  std::vector<LineInfo> lines() override {
    std::vector<LineInfo> infos;
    gpiod_chip_iter* chips = gpiod_chip_iter_new();
    if (chips == nullptr) return infos;
    while (gpiod_chip* chip = gpiod_chip_iter_next(chips)) {
      for (unsigned offset = 0; offset < gpiod_chip_num_lines(chip); ++offset) {
        if (gpiod_line* line = gpiod_chip_get_line(chip, offset)) infos.push_back(describe(chip, line));
      }
    }
    gpiod_chip_iter_free(chips);
    return infos;
  }

  Result<std::unique_ptr<GpioLine>> request(const LineSettings& settings) override {
    if (settings.debounce.count() != 0) {
      return fail(ErrorKind::kUnsupported, settings.name + ": libgpiod 1.6 cannot debounce");
    }
    errno = ENOENT;
    gpiod_line* found = gpiod_line_find(settings.name.c_str());
    if (found == nullptr) return gpio_failure(settings.name, "no such GPIO line", errno);
    auto line = std::make_unique<Line>(found, settings);
    LINNET_CHECK(line->request());
    return line;
  }
};

Gpio* open_chips() {
  gpiod_chip_iter* chips = gpiod_chip_iter_new();
  if (chips == nullptr) return nullptr;
  const bool any = gpiod_chip_iter_next(chips) != nullptr;
  gpiod_chip_iter_free(chips);
  return any ? new Gpiod1 : nullptr;
}

}  // namespace
}  // namespace linnet::hal

extern "C" __attribute__((visibility("default"))) const linnet::hal::GpioPlugin linnet_gpio_plugin;
const linnet::hal::GpioPlugin linnet_gpio_plugin = {linnet::hal::kGpioPluginVersion, "libgpiod 1.6",
                                                    linnet::hal::open_chips};
