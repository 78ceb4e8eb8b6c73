// What the device publishes about itself, as JSON (docs/mqtt.md has the schemas), and the files that hold figures.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/board.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/daemon/alarms.h"
#include "runtime/daemon/config.h"
#include "runtime/daemon/model_host.h"
#include "runtime/daemon/request.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {

// Borrows what it points to.
struct BirthReport {
  std::uint64_t epoch = 0;
  std::string_view boot_id;
  std::string_view display_name;
  bool journal_on_disk = true;
  const hal::Facts* facts = nullptr;
  std::vector<std::string> models;
  const std::map<std::string, LineConfig>* lines = nullptr;
  RequestLimits limits;
};

struct StatusReport {
  std::uint64_t epoch = 0;
  std::chrono::milliseconds at{0};  // Of the boot's clock: between two of them lie the differences of their counters.
  ModelState model;
  bool journal_on_disk = true;
  std::vector<std::string> alarms;
  const std::map<std::string, double>* figures = nullptr;
  const std::vector<RecentRequest>* recent = nullptr;  // Null: not told.
};

// Each overwrites `out`.
void write_birth(std::string& out, const BirthReport& report);
void write_model(std::string& out, const ModelState& state);
void write_status(std::string& out, const StatusReport& report);
void write_edge(std::string& out, std::string_view line, const hal::EdgeEvent& event);
void write_alarm(std::string& out, const AlarmChange& change);

// Writes beside `path` and renames, so that a reader sees the old text or the new one. Errors: kIo.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace linnet::daemon
