#include "runtime/cli/ctl/fleet_state.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "runtime/cli/json_writer.h"
#include "runtime/mqtt/topics.h"

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;

constexpr int kMissedPeriods = 3;  // As many as a `health` lives on the broker.
constexpr std::string_view kOnline = "online";
constexpr std::string_view kOffline = "offline";
constexpr std::size_t kWidestName = 24;

std::optional<double> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(number);
}

std::vector<std::string> texts_at(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const Json& entry : *found) {
    if (entry.is_string()) texts.push_back(one_line(entry.get<std::string>()));
  }
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + text;
  return list;
}

std::string age_text(std::optional<double> seconds) {
  if (!seconds) return "-";
  if (*seconds < 120) return number_text(seconds, 0, " s");
  if (*seconds < 7200) return number_text(*seconds / 60, 0, " min");
  return number_text(*seconds / 3600, 0, " h");
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// The first column begins at the left, numbers end at the right.
struct Column {
  const char* title;
  std::size_t width;
  bool number;
};
constexpr std::array kColumns = {
    Column{"device", 6, false}, Column{"state", 7, false},    Column{"model", 5, false},
    Column{"queue", 5, true},   Column{"tokens/s", 8, true},  Column{"temperature", 11, true},
    Column{"pace", 5, true},    Column{"last seen", 9, true}, Column{"alarms", 0, false}};
using Cells = std::array<std::string, kColumns.size()>;

// Columns are as wide as what they hold, within reason.
std::string row_text(const Cells& cells, const std::array<std::size_t, kColumns.size()>& widths) {
  std::string line = " ";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = cut(cells[i], kColumns[i].width == 0 ? cells[i].size() : widths[i]);
    line += " " + (kColumns[i].number ? right_aligned(cell, widths[i]) : padded(cell, widths[i])) + " ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

FleetState::FleetState(std::string group, const std::vector<std::string>& named)
    : group_(std::move(group)), only_named_(!named.empty()) {
  for (const std::string& node : named) devices_[node];
}

// Where it may have a row.
FleetState::Device* FleetState::device(std::string_view node) {
  const auto found = devices_.find(node);
  if (found != devices_.end()) return &found->second;
  if (only_named_ || !mqtt::is_topic_id(node) || node == mqtt::kPoolNode) return nullptr;
  if (devices_.size() == kMostDevices) {
    too_many_ = true;
    return nullptr;
  }
  return &devices_[std::string(node)];
}

void FleetState::forget(std::string_view node) {
  const auto found = devices_.find(node);
  if (found == devices_.end()) return;
  if (only_named_) {
    found->second = {};
  } else {
    devices_.erase(found);
  }
}

void FleetState::on_told(std::string_view node, const Told& told) {
  // Whoever takes a device away for good deletes what the broker keeps of it.
  if (told.tail == "avail" && told.payload.empty()) return forget(node);
  Device* const found = device(node);
  if (found == nullptr) return;
  // The will is the broker's word, not the device's.
  const bool own_word = !told.retained && !(told.tail == "avail" && told.payload == kOffline);
  if (own_word) found->heard = told.at;
  if (told.tail == "avail") {
    found->availability = one_line(told.payload);
    found->epoch_of_told = number_of(told.epoch);
    return;
  }
  const Json said = Json::parse(told.payload, nullptr, false);
  if (!said.is_object()) return;
  if (told.tail == "birth") take_birth(*found, said);
  if (told.tail == "health") take_health(*found, said);
  if (told.tail == "model/current") take_model(*found, said);
}

void FleetState::on_connection(bool connected, Clock::time_point now) {
  connected_ = connected;
  if (connected) connected_at_ = now;
}

void FleetState::take_birth(Device& device, const Json& birth) {
  device.epoch = number_at(birth, "epoch");
  device.software = text_at(birth, "software");
}

void FleetState::take_health(Device& device, const Json& health) {
  const auto at_ms = number_at(health, "at_ms");
  // A smaller time is another boot's.
  if (at_ms && device.health_ms && *at_ms > *device.health_ms && *at_ms - *device.health_ms < 3.6e6) {
    device.period = std::chrono::milliseconds(static_cast<std::int64_t>(*at_ms - *device.health_ms));
  }
  device.health_ms = at_ms;
  if (const auto model = health.find("model"); model != health.end() && model->is_object()) take_model(device, *model);
  device.alarms = texts_at(health, "alarms");
  const auto figures = health.find("figures");
  if (figures == health.end() || !figures->is_object()) return;
  device.queue = number_at(*figures, "queue");
  device.tokens_per_second = number_at(*figures, "tokens_per_second");
  device.temperature = number_at(*figures, "temperature_c");
  device.work_share = number_at(*figures, "work_share");
}

void FleetState::take_model(Device& device, const Json& model) {
  if (!model.contains("name")) return;
  device.model = text_at(model, "name");
  device.model_state = text_at(model, "state");
}

// "online", "offline", "silent" (it says that it is there, and nothing came for three periods), "unknown".
std::string FleetState::state_of(const Device& device, Clock::time_point now) const {
  if (device.availability == kOffline) {
    // A will that is older than the last birth is late: the device came back meanwhile.
    const bool late = device.epoch_of_told && device.epoch && *device.epoch_of_told < *device.epoch;
    if (!late) return std::string(kOffline);
  } else if (device.availability != kOnline) {
    return "unknown";
  }
  const auto since = std::max(device.heard.value_or(connected_at_), connected_at_);
  return now - since > kMissedPeriods * device.period ? "silent" : std::string(kOnline);
}

std::optional<double> FleetState::seconds_since(const Device& device, Clock::time_point now) const {
  if (!device.heard) return std::nullopt;
  return std::max(0.0, milliseconds_between(*device.heard, now) / 1000);
}

std::string FleetState::headline(Clock::time_point now) const {
  if (!connected_) return group_ + "  no connection to the broker";
  std::size_t online = 0;
  double tokens = 0;
  double waiting = 0;
  for (const auto& [node, device] : devices_) {
    if (state_of(device, now) != kOnline) continue;
    ++online;
    tokens += device.tokens_per_second.value_or(0);
    waiting += device.queue.value_or(0);
  }
  return group_ + "  " + std::to_string(online) + " of " + std::to_string(devices_.size()) + " online   tokens/s " +
         number_text(tokens, 1) + "   queue " + number_text(waiting, 0) +
         (too_many_ ? "   more devices than can be shown" : "");
}

std::string FleetState::lines(Clock::time_point now) const {
  if (!connected_) return group_ + ": no connection to the broker\n";
  if (devices_.empty()) return group_ + ": no device was heard of\n";
  std::string text;
  for (const auto& [node, device] : devices_) {
    text += node + " " + state_of(device, now) + "  model " + or_dash(device.model) + "  queue " +
            number_text(device.queue, 0) + "  tokens/s " + number_text(device.tokens_per_second, 1) + "  temperature " +
            number_text(device.temperature, 1, " °C") + "  pace " + percent_text(device.work_share) + "  last seen " +
            age_text(seconds_since(device, now)) + "  alarms " + or_dash(joined(device.alarms)) + "\n";
  }
  return text;
}

std::string FleetState::json(Clock::time_point now) const {
  JsonWriter writer;
  writer.begin_object().member("group", group_).member("connected", connected_).key("devices").begin_array();
  for (const auto& [node, device] : devices_) {
    writer.begin_object().member("node", node).member("state", state_of(device, now));
    const auto text = [&writer](const char* name, const std::string& words) {
      if (!words.empty()) writer.member(name, words);
    };
    const auto member = [&writer](const char* name, const auto& value) {
      if (value) writer.member(name, *value);
    };
    text("software", device.software);
    text("model", device.model);
    text("model_state", device.model_state);
    member("queue", device.queue);
    member("tokens_per_second", device.tokens_per_second);
    member("temperature_c", device.temperature);
    member("work_share", device.work_share);
    member("seen_s", seconds_since(device, now));
    writer.key("alarms").begin_array();
    for (const std::string& alarm : device.alarms) writer.value(alarm);
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
  return writer.line();
}

std::vector<ScreenLine> FleetState::screen(std::size_t columns, std::size_t rows, Clock::time_point now) const {
  std::vector<std::pair<Cells, bool>> table;
  Cells titles;
  std::ranges::transform(kColumns, titles.begin(), [](const Column& column) { return column.title; });
  table.emplace_back(titles, false);
  for (const auto& [node, device] : devices_) {
    const std::string state = state_of(device, now);
    const bool ready = device.model_state.empty() || device.model_state == "ready";
    table.emplace_back(Cells{node, state, or_dash(ready ? device.model : device.model + " " + device.model_state),
                             number_text(device.queue, 0), number_text(device.tokens_per_second, 1),
                             number_text(device.temperature, 1, " °C"), percent_text(device.work_share),
                             age_text(seconds_since(device, now)), joined(device.alarms)},
                       !connected_ || state != kOnline);
  }
  std::array<std::size_t, kColumns.size()> widths{};
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = kColumns[i].width;
    for (const auto& [cells, faded] : table) widths[i] = std::clamp(width_of(cells[i]), widths[i], kWidestName);
  }
  std::vector<ScreenLine> lines = {{headline(now), false}, {"", false}};
  if (!refusal_.empty()) lines.push_back({"  " + refusal_, false});
  for (const auto& [cells, faded] : table) lines.push_back({row_text(cells, widths), faded});
  if (lines.size() > rows) {
    const std::size_t left_out = lines.size() - rows + 1;
    lines.resize(rows);
    if (rows > 0) lines.back() = {"  and " + std::to_string(left_out) + " more", false};
  }
  for (ScreenLine& line : lines) line.text = cut(line.text, columns);
  return lines;
}

}  // namespace linnet::cli::ctl
