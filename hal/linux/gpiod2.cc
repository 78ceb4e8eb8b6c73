// The plug-in for libgpiod 2 (Debian 13): a request holds its lines and is made from settings.

#include <gpiod.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "hal/linux/gpio_failure.h"
#include "hal/linux/gpio_plugin.h"

namespace linnet::hal {
namespace {

constexpr const char* kConsumer = "linnet";

// Each of libgpiod's objects with the function that frees it.
template <auto function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Chip = std::unique_ptr<gpiod_chip, Free<gpiod_chip_close>>;
using ChipInfo = std::unique_ptr<gpiod_chip_info, Free<gpiod_chip_info_free>>;
using Info = std::unique_ptr<gpiod_line_info, Free<gpiod_line_info_free>>;
using Settings = std::unique_ptr<gpiod_line_settings, Free<gpiod_line_settings_free>>;
using LineConfig = std::unique_ptr<gpiod_line_config, Free<gpiod_line_config_free>>;
using RequestConfig = std::unique_ptr<gpiod_request_config, Free<gpiod_request_config_free>>;
using Request = std::unique_ptr<gpiod_line_request, Free<gpiod_line_request_release>>;
using EdgeEvents = std::unique_ptr<gpiod_edge_event_buffer, Free<gpiod_edge_event_buffer_free>>;

gpiod_line_bias bias_of(Bias bias) {
  switch (bias) {
    case Bias::kAsIs: return GPIOD_LINE_BIAS_AS_IS;
    case Bias::kDisabled: return GPIOD_LINE_BIAS_DISABLED;
    case Bias::kPullUp: return GPIOD_LINE_BIAS_PULL_UP;
    case Bias::kPullDown: return GPIOD_LINE_BIAS_PULL_DOWN;
  }
  return GPIOD_LINE_BIAS_AS_IS;
}

gpiod_line_edge edges_of(EdgeDetection edges) {
  switch (edges) {
    case EdgeDetection::kNone: return GPIOD_LINE_EDGE_NONE;
    case EdgeDetection::kRising: return GPIOD_LINE_EDGE_RISING;
    case EdgeDetection::kFalling: return GPIOD_LINE_EDGE_FALLING;
    case EdgeDetection::kBoth: return GPIOD_LINE_EDGE_BOTH;
  }
  return GPIOD_LINE_EDGE_NONE;
}

gpiod_line_value value_of(bool active) { return active ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE; }

// Null where memory is short or the library refuses a value.
Settings library_settings(const LineSettings& settings) {
  Settings result(gpiod_line_settings_new());
  if (!result) return result;
  const bool is_output = settings.direction == Direction::kOutput;
  const auto direction = is_output ? GPIOD_LINE_DIRECTION_OUTPUT : GPIOD_LINE_DIRECTION_INPUT;
  bool accepted = gpiod_line_settings_set_direction(result.get(), direction) == 0 &&
                  gpiod_line_settings_set_bias(result.get(), bias_of(settings.bias)) == 0;
  gpiod_line_settings_set_active_low(result.get(), settings.active_low);
  if (is_output) {
    accepted = accepted && gpiod_line_settings_set_output_value(result.get(), value_of(settings.safe_active)) == 0;
  } else {
    accepted = accepted && gpiod_line_settings_set_edge_detection(result.get(), edges_of(settings.edges)) == 0;
    gpiod_line_settings_set_debounce_period_us(result.get(), static_cast<unsigned long>(settings.debounce.count()));
  }
  return accepted ? std::move(result) : Settings();
}

class Line final : public GpioLine {
 public:
  Line(Request request, unsigned offset, LineSettings settings)
      : request_(std::move(request)),
        events_(gpiod_edge_event_buffer_new(1)),
        offset_(offset),
        settings_(std::move(settings)) {}
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  ~Line() override {
    if (settings_.direction == Direction::kOutput) {
      gpiod_line_request_set_value(request_.get(), offset_, value_of(settings_.safe_active));
    }
  }

  const LineSettings& settings() const override { return settings_; }

  Result<void> set_active(bool active) override {
    if (settings_.direction != Direction::kOutput) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": an input cannot be driven");
    }
    if (gpiod_line_request_set_value(request_.get(), offset_, value_of(active)) != 0) {
      return gpio_failure(settings_.name, "cannot be driven", errno);
    }
    return {};
  }

  Result<bool> active() override {
    const auto value = gpiod_line_request_get_value(request_.get(), offset_);
    if (value == GPIOD_LINE_VALUE_ERROR) return gpio_failure(settings_.name, "cannot be read", errno);
    return value == GPIOD_LINE_VALUE_ACTIVE;
  }

  Result<std::optional<EdgeEvent>> wait_edge(std::chrono::milliseconds timeout) override {
    if (settings_.edges == EdgeDetection::kNone) {
      return fail(ErrorKind::kUnsupported, settings_.name + ": requested without edge detection");
    }
    const auto limit = std::chrono::nanoseconds(timeout).count();
    const int ready = gpiod_line_request_wait_edge_events(request_.get(), limit);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return std::nullopt;
    if (ready < 0 || !events_ || gpiod_line_request_read_edge_events(request_.get(), events_.get(), 1) != 1) {
      return gpio_failure(settings_.name, "gives no events", errno);
    }
    gpiod_edge_event* event = gpiod_edge_event_buffer_get_event(events_.get(), 0);  // The buffer's own.
    const auto time = std::chrono::nanoseconds(gpiod_edge_event_get_timestamp_ns(event));
    return EdgeEvent{time, gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE};
  }

 private:
  Request request_;
  EdgeEvents events_;
  unsigned offset_;
  LineSettings settings_;
};

// Every chip that this process may open, in order of its path; a link to a chip is not a second chip.
std::vector<Chip> open_all_chips() {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    if (!entry.is_symlink(error) && gpiod_is_gpiochip_device(entry.path().c_str())) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Chip> chips;
  for (const auto& path : paths) {
    if (Chip chip{gpiod_chip_open(path.c_str())}) chips.push_back(std::move(chip));
  }
  return chips;
}

LineInfo describe(const std::string& chip, gpiod_line_info* line) {
  const auto text = [](const char* name) { return std::string(name == nullptr ? "" : name); };
  const bool is_output = gpiod_line_info_get_direction(line) == GPIOD_LINE_DIRECTION_OUTPUT;
  return {text(gpiod_line_info_get_name(line)), chip, gpiod_line_info_get_offset(line),
          is_output ? Direction::kOutput : Direction::kInput, text(gpiod_line_info_get_consumer(line))};
}

Result<std::unique_ptr<GpioLine>> request_line(gpiod_chip* chip, unsigned offset, const LineSettings& settings) {
  const Settings line_settings = library_settings(settings);
  const LineConfig lines(gpiod_line_config_new());
  const RequestConfig config(gpiod_request_config_new());
  if (!line_settings || !lines || !config ||
      gpiod_line_config_add_line_settings(lines.get(), &offset, 1, line_settings.get()) != 0) {
    return gpio_failure(settings.name, "cannot be described", errno);
  }
  gpiod_request_config_set_consumer(config.get(), kConsumer);
  Request request(gpiod_chip_request_lines(chip, config.get(), lines.get()));
  if (!request) return gpio_failure(settings.name, "cannot be requested", errno);
  return std::make_unique<Line>(std::move(request), offset, settings);
}

class Gpiod2 final : public Gpio {
 public:
  std::vector<LineInfo> lines() override {
    std::vector<LineInfo> infos;
    for (const Chip& chip : open_all_chips()) {
      const ChipInfo info(gpiod_chip_get_info(chip.get()));
      if (!info) continue;
      for (unsigned offset = 0; offset < gpiod_chip_info_get_num_lines(info.get()); ++offset) {
        const Info line(gpiod_chip_get_line_info(chip.get(), offset));
        if (line) infos.push_back(describe(gpiod_chip_info_get_name(info.get()), line.get()));
      }
    }
    return infos;
  }

  Result<std::unique_ptr<GpioLine>> request(const LineSettings& settings) override {
    // The library would find the first line that has no name.
    if (settings.name.empty()) return gpio_failure("''", "no such GPIO line", ENOENT);
    for (const Chip& chip : open_all_chips()) {
      const int offset = gpiod_chip_get_line_offset_from_name(chip.get(), settings.name.c_str());
      if (offset >= 0) return request_line(chip.get(), static_cast<unsigned>(offset), settings);
    }
    return gpio_failure(settings.name, "no such GPIO line", ENOENT);
  }
};

Gpio* open_chips() { return open_all_chips().empty() ? nullptr : new Gpiod2; }

}  // namespace
}  // namespace linnet::hal

extern "C" __attribute__((visibility("default"))) const linnet::hal::GpioPlugin linnet_gpio_plugin;
const linnet::hal::GpioPlugin linnet_gpio_plugin = {linnet::hal::kGpioPluginVersion, "libgpiod 2",
                                                    linnet::hal::open_chips};
