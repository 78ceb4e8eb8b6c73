// General-purpose input and output lines by name. Settings, request, info and event are different things.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace linnet::hal {

enum class Direction : std::uint8_t { kInput, kOutput };
enum class Bias : std::uint8_t { kAsIs, kDisabled, kPullUp, kPullDown };
enum class EdgeDetection : std::uint8_t { kNone, kRising, kFalling, kBoth };

// What a line shall be. An output is driven to `safe_active` when it is requested and when the request is destroyed.
struct LineSettings {
  std::string name;
  Direction direction = Direction::kInput;
  Bias bias = Bias::kAsIs;
  EdgeDetection edges = EdgeDetection::kNone;
  std::chrono::microseconds debounce{0};  // kUnsupported where the library or the kernel cannot.
  bool active_low = false;
  bool safe_active = false;
};

// What a line is, at one moment.
struct LineInfo {
  std::string name;
  std::string chip;
  unsigned offset = 0;
  Direction direction = Direction::kInput;
  std::string consumer;  // Who holds it, or empty.
};

// A change that the kernel saw.
struct EdgeEvent {
  std::chrono::nanoseconds time;  // The kernel's monotonic clock.
  bool rising = false;
};

// A line that this process holds; destroyed, it is put in its safe state and released. After a crash the kernel
// releases the line; whether the pin keeps its last level is up to the chip's driver: safety must not rest on it.
class GpioLine {
 public:
  virtual ~GpioLine() = default;

  [[nodiscard]] virtual const LineSettings& settings() const = 0;
  // Errors: kUnsupported (an input), kIo.
  [[nodiscard]] virtual Result<void> set_active(bool active) = 0;
  [[nodiscard]] virtual Result<bool> active() = 0;
  // The next edge, or nothing when `timeout` passed. Errors: kUnsupported (no edges requested), kIo.
  [[nodiscard]] virtual Result<std::optional<EdgeEvent>> wait_edge(std::chrono::milliseconds timeout) = 0;
};

// The board's lines.
class Gpio {
 public:
  virtual ~Gpio() = default;

  [[nodiscard]] virtual std::vector<LineInfo> lines() = 0;
  // Errors: kAbsent (no line of that name), kBusy (held by another), kDenied, kUnsupported, kIo.
  [[nodiscard]] virtual Result<std::unique_ptr<GpioLine>> request(const LineSettings& settings) = 0;
};

}  // namespace linnet::hal
