#include "runtime/daemon/device_operations.h"

#include <utility>

#include "runtime/daemon/messages.h"

namespace linnet::daemon {
namespace {

std::string json_of(bool value) { return value ? "true" : "false"; }

}  // namespace

DeviceLines::DeviceLines(const std::map<std::string, LineConfig>& config, hal::Gpio* gpio) : config_(config) {
  for (const auto& [name, line] : config) {
    if (gpio == nullptr) {
      lines_.emplace(name, fail(ErrorKind::kAbsent, name + ": this board has no GPIO that this process may open"));
    } else {
      lines_.emplace(name, gpio->request(line.settings));
    }
  }
}

Result<hal::GpioLine*> DeviceLines::find(const std::string& name, bool remote) {
  const auto configured = config_.find(name);
  if (configured == config_.end()) return fail(ErrorKind::kAbsent, "no line '" + name + "' is configured");
  if (remote && !configured->second.remote) return fail(ErrorKind::kDenied, "line '" + name + "' is not for clients");
  auto& line = lines_.at(name);
  if (!line) return tl::unexpected(line.error());
  return line->get();
}

Result<bool> DeviceLines::read(const std::string& name, bool remote) {
  const std::lock_guard lock(mutex_);
  LINNET_TRY(hal::GpioLine * line, find(name, remote));
  return line->active();
}

Result<void> DeviceLines::drive(const std::string& name, bool active, bool remote) {
  const std::lock_guard lock(mutex_);
  LINNET_TRY(hal::GpioLine * line, find(name, remote));
  return line->set_active(active);
}

std::vector<DeviceLines::Edge> DeviceLines::edges() {
  const std::lock_guard lock(mutex_);
  std::vector<Edge> found;
  for (const auto& [name, line] : lines_) {
    if (!line || (*line)->settings().edges == hal::EdgeDetection::kNone) continue;
    for (std::size_t i = 0; i < kMostEdges; ++i) {
      const auto edge = (*line)->wait_edge(std::chrono::milliseconds(0));
      if (!edge || !*edge) break;
      found.push_back({name, **edge});
    }
  }
  return found;
}

void DeviceLines::make_safe(const std::string& name) {
  const auto configured = config_.find(name);
  if (configured != config_.end()) (void)drive(name, configured->second.settings.safe_active, false);
}

Result<std::string> DeviceOperations::inspect(std::string_view, const Request& request) {
  switch (request.operation) {
    case OperationKind::kStatus: return status_();
    case OperationKind::kModels: return list_models();
    case OperationKind::kAudit: return audit_.last(std::get<AuditArguments>(request.arguments).last);
    case OperationKind::kRebirth: rebirth_(); return std::string("true");
    case OperationKind::kGpio: {
      LINNET_TRY(const bool active, lines_.read(std::get<GpioArguments>(request.arguments).line, true));
      return json_of(active);
    }
    default: return fail(ErrorKind::kUnsupported, "not a reading operation");
  }
}

Result<std::string> DeviceOperations::act(std::string_view, const Request& request) {
  if (const auto* gpio = std::get_if<GpioArguments>(&request.arguments)) {
    LINNET_CHECK(lines_.drive(gpio->line, gpio->active.value_or(false), true));
    return json_of(gpio->active.value_or(false));
  }
  const auto* model = std::get_if<ModelArguments>(&request.arguments);
  if (model == nullptr) return fail(ErrorKind::kUnsupported, "not an acting operation");
  switch (request.operation) {
    case OperationKind::kLoad: LINNET_CHECK(models_.load(model->model)); break;
    case OperationKind::kUnload: LINNET_CHECK(models_.unload(model->model)); break;
    default: LINNET_CHECK(models_.swap(model->model)); break;
  }
  return std::string("true");
}

Result<std::string> DeviceOperations::compute(const Request& request, FunctionRef<bool()> stopped) {
  const auto* embed = std::get_if<EmbedArguments>(&request.arguments);
  if (embed == nullptr) return fail(ErrorKind::kUnsupported, "not a computing operation");
  return models_.embed(*embed, stopped);
}

void DeviceOperations::make_safe(const Request& request) {
  if (const auto* gpio = std::get_if<GpioArguments>(&request.arguments)) lines_.make_safe(gpio->line);
}

std::string DeviceOperations::list_models() const {
  std::string out = "[";
  const std::string loaded = models_.loaded();
  for (const std::string& name : models_.configured()) {
    if (out.size() > 1) out.push_back(',');
    out.append("{\"name\":");
    append_json_string(out, name);
    out.append(",\"loaded\":").append(json_of(name == loaded)).append("}");
  }
  return out + "]";
}

}  // namespace linnet::daemon
