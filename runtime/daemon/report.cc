#include "runtime/daemon/report.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "runtime/daemon/messages.h"
#include "runtime/daemon/telemetry.h"

namespace linnet::daemon {
namespace {

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out.push_back(',');
  out.append("\"").append(key).append("\":");
}

void append(std::string& out, std::string_view key, std::string_view text) {
  append_key(out, key);
  append_json_string(out, text);
}

void append(std::string& out, std::string_view key, std::uint64_t number) {
  append_key(out, key);
  out.append(std::to_string(number));
}

// A list of texts, from what `name_of` gives for each element.
template <class List, class NameOf>
void append_list(std::string& out, std::string_view key, const List& list, NameOf name_of) {
  append_key(out, key);
  out.push_back('[');
  for (const auto& element : list) {
    if (out.back() != '[') out.push_back(',');
    append_json_string(out, name_of(element));
  }
  out.push_back(']');
}

void append_model(std::string& out, const ModelState& state) {
  append_key(out, "model");
  out.push_back('{');
  append(out, "name", state.name);
  append(out, "state", state.state);
  if (!state.reason.empty()) append(out, "reason", state.reason);
  if (state.context > 0) append(out, "context", state.context);
  if (state.planned) append(out, "planned_bytes", state.planned->count);
  out.push_back('}');
}

void append_board(std::string& out, const hal::Facts& facts) {
  append_key(out, "board");
  out.push_back('{');
  append(out, "name", facts.name);
  append(out, "cores", facts.cores.size());
  append(out, "memory_bytes", facts.memory.count);
  out.push_back('}');
}

void append_recent(std::string& out, const std::vector<RecentRequest>& recent) {
  append_key(out, "recent");
  out.push_back('[');
  for (const RecentRequest& request : recent) {
    out.append(out.back() == '[' ? "{" : ",{");
    append(out, "who", request.key.who);
    append(out, "id", request.key.id);
    append(out, "op", to_string(request.operation));
    append(out, "status", to_string(request.outcome));
    append(out, "total_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(0, request.total.count())));
    append(out, "tokens", request.tokens);
    out.push_back('}');
  }
  out.push_back(']');
}

}  // namespace

void write_birth(std::string& out, const BirthReport& report) {
  const auto key_of = [](const auto& entry) -> std::string_view { return entry.first; };
  out.assign("{");
  append(out, "v", std::uint64_t{1});
  append(out, "epoch", report.epoch);
  append(out, "boot_id", report.boot_id);
  append(out, "name", report.display_name);
  append(out, "software", "linnetd " LINNET_VERSION);
  append(out, "journal", report.journal_on_disk ? "disk" : "memory");
  append_board(out, *report.facts);
  append_list(out, "models", report.models, [](const std::string& name) -> std::string_view { return name; });
  std::map<std::string, LineConfig> remote = *report.lines;
  std::erase_if(remote, [](const auto& entry) { return !entry.second.remote; });
  append_list(out, "lines", remote, key_of);
  append_key(out, "limits");
  out.push_back('{');
  append(out, "payload_bytes", report.limits.payload_bytes);
  append(out, "messages", report.limits.messages);
  append(out, "stop_texts", report.limits.stop_texts);
  out.append("}}");
}

void write_model(std::string& out, const ModelState& state) {
  out.assign("{");
  append_model(out, state);
  // The member alone is the message.
  out.erase(0, std::string_view("{\"model\":").size());
}

void write_status(std::string& out, const StatusReport& report) {
  std::string front = "{";
  append(front, "epoch", report.epoch);
  append(front, "at_ms", static_cast<std::uint64_t>(report.at.count()));
  append(front, "journal", report.journal_on_disk ? "disk" : "memory");
  append_model(front, report.model);
  append_list(front, "alarms", report.alarms, [](const std::string& name) -> std::string_view { return name; });
  append_key(front, "figures");
  write_figures(out, *report.figures, "");
  out.insert(0, front);
  if (report.recent != nullptr) append_recent(out, *report.recent);
  out.push_back('}');
}

void write_alarm(std::string& out, const AlarmChange& change) {
  out.assign("{");
  append(out, "alarm", change.name);
  append_key(out, "raised");
  out.append(change.raised ? "true" : "false");
  append_key(out, "value");
  out.append(std::to_string(change.value));
  append_key(out, "limit");
  out.append(std::to_string(change.limit)).append("}");
}

void write_edge(std::string& out, std::string_view line, const hal::EdgeEvent& event) {
  out.assign("{");
  append(out, "line", line);
  append_key(out, "active");
  out.append(event.rising ? "true" : "false");
  append(out, "at_ns", static_cast<std::uint64_t>(event.time.count()));
  out.push_back('}');
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good() && std::rename(fresh.c_str(), path.c_str()) == 0) return {};
  return fail(ErrorKind::kIo, path + ": cannot be written");
}

}  // namespace linnet::daemon
