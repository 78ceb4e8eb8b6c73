// What clients may ask of the device besides generating: its status, its models, its lines.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hal/board.h"
#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {

// Loads and releases models; the engine in life, a list of names in tests.
class ModelSlots {
 public:
  virtual ~ModelSlots() = default;
  [[nodiscard]] virtual Result<void> load(const std::string& name) = 0;  // Beside or instead of what is loaded.
  [[nodiscard]] virtual Result<void> unload(const std::string& name) = 0;
  [[nodiscard]] virtual Result<void> swap(
      const std::string& name) = 0;  // Ready before the old one goes, where both fit.
  // The outcome's JSON. On the worker's thread, as those above.
  [[nodiscard]] virtual Result<std::string> embed(const EmbedArguments& arguments, FunctionRef<bool()> stopped) = 0;
  [[nodiscard]] virtual std::string loaded() const = 0;                   // The name, or empty.
  [[nodiscard]] virtual std::vector<std::string> configured() const = 0;  // Thread-safe, as loaded() is.
};

// Lines that the configuration allows, each requested at start and held; the last request ends in the safe state.
class DeviceLines {
 public:
  static constexpr std::size_t kMostEdges = 16;  // The kernel's buffer of a line.

  // Requests every configured line of `gpio` (null: none can be had). A line that cannot be had is reported when it is
  // used.
  DeviceLines(const std::map<std::string, LineConfig>& config, hal::Gpio* gpio);

  // Errors: kAbsent (not configured), kDenied (not for remote use), those of hal::GpioLine.
  [[nodiscard]] Result<bool> read(const std::string& name, bool remote);
  [[nodiscard]] Result<void> drive(const std::string& name, bool active, bool remote);
  // Edges of lines that watch for them, since the last call: at most kMostEdges of each line, the rest with the next.
  struct Edge {
    std::string line;
    hal::EdgeEvent event;
  };
  [[nodiscard]] std::vector<Edge> edges();
  // To its configured safe state, where it can be had.
  void make_safe(const std::string& name);

 private:
  [[nodiscard]] Result<hal::GpioLine*> find(const std::string& name, bool remote);

  std::mutex mutex_;
  const std::map<std::string, LineConfig>& config_;
  std::map<std::string, Result<std::unique_ptr<hal::GpioLine>>> lines_;
};

class DeviceOperations final : public Operations {
 public:
  // `status` gives the figures of the moment as a JSON object; `rebirth` publishes the birth message again.
  DeviceOperations(DeviceLines& lines, ModelSlots& models, AuditTrail& audit, std::function<std::string()> status,
                   std::function<void()> rebirth)
      : lines_(lines), models_(models), audit_(audit), status_(std::move(status)), rebirth_(std::move(rebirth)) {}

  Result<std::string> inspect(std::string_view who, const Request& request) override;
  Result<std::string> act(std::string_view who, const Request& request) override;
  Result<std::string> compute(const Request& request, FunctionRef<bool()> stopped) override;
  void make_safe(const Request& request) override;

 private:
  [[nodiscard]] std::string list_models() const;

  DeviceLines& lines_;
  ModelSlots& models_;
  AuditTrail& audit_;
  std::function<std::string()> status_;
  std::function<void()> rebirth_;
};

}  // namespace linnet::daemon
