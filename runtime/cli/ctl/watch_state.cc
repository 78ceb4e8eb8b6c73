#include "runtime/cli/ctl/watch_state.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "runtime/cli/ctl/report.h"

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kHistory = 48;
constexpr std::size_t kEvents = 5;

// Texts of the device are shown on one line, whatever they hold.
std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return {};
  std::string text = printable(found->get<std::string>());
  std::ranges::replace(text, '\n', ' ');
  return text;
}

// A text, or the `name` of an object.
std::string name_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? text_at(*found, "name") : text_at(object, key);
}

double number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

void remember(std::deque<double>& history, double value) {
  history.push_back(value);
  if (history.size() > kHistory) history.pop_front();
}

// Eight heights, the largest value of the history at the top.
std::string sparkline(const std::deque<double>& history) {
  constexpr std::array kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = history.empty() ? 0 : *std::ranges::max_element(history);
  std::string line;
  for (const double value : history) {
    const double height = most > 0 ? value / most * (kBars.size() - 1) + 0.5 : 0;
    line += kBars[std::min(kBars.size() - 1, static_cast<std::size_t>(std::max(0.0, height)))];
  }
  return line;
}

std::string number(std::optional<double> value, int decimals, const char* unit = "") {
  if (!value) return "-";
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "%.*f%s", decimals, *value, unit);
  return text.data();
}

std::string mebibytes(std::optional<double> bytes) {
  if (bytes) *bytes /= 1024 * 1024;
  return number(bytes, 1, " MiB");
}

// `line` cut after `columns` characters (not bytes), and never inside one.
std::string cut(const std::string& line, std::size_t columns) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (begins && characters++ == columns) return line.substr(0, i);
  }
  return line;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace

void WatchState::on_birth(std::string_view payload) {
  const Json birth = Json::parse(payload, nullptr, false);
  if (!birth.is_object()) return;
  software_ = text_at(birth, "software");
  board_ = name_at(birth, "board");
  if (birth.contains("epoch")) figures_["epoch"] = number_at(birth, "epoch");
}

void WatchState::update_rate(std::string_view counter, const char* rate, double before, double seconds) {
  const auto now = figure(counter);
  // A smaller count is another run of the device.
  if (now && *now >= before && seconds > 0) figures_[rate] = (*now - before) / seconds;
}

void WatchState::on_figures(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) return;
  const auto add_numbers = [this](const Json& object) {
    if (!object.is_object()) return;
    for (const auto& [name, value] : object.items()) {
      if (value.is_number()) figures_[name] = value.get<double>();
    }
  };
  const auto tokens = figure("tokens");
  const auto requests = figure("requests");
  add_numbers(document);
  if (const auto inner = document.find("figures"); inner != document.end()) add_numbers(*inner);
  const double now_ms = number_at(document, "at_ms");
  const double seconds = last_ms_ ? (now_ms - *last_ms_) / 1000 : 0;
  if (tokens) update_rate("tokens", "tokens_per_second", *tokens, seconds);
  if (requests) update_rate("requests", "requests_per_second", *requests, seconds);
  last_ms_ = now_ms;
  model_ = document.contains("model") ? name_at(document, "model") : model_;
  remember(speeds_, figure("tokens_per_second").value_or(0));
  remember(queues_, figure("queue").value_or(0));
  const auto recent = document.find("recent");
  if (recent == document.end() || !recent->is_array()) return;
  recent_.clear();
  for (const Json& entry : *recent) {
    if (!entry.is_object()) continue;
    recent_.push_back({text_at(entry, "who"), text_at(entry, "id"), text_at(entry, "op"), text_at(entry, "status"),
                       number_at(entry, "total_ms"), number_at(entry, "tokens")});
  }
}

void WatchState::on_event(std::string_view kind, std::string_view payload) {
  const Json event = Json::parse(payload, nullptr, false);
  std::string words(payload);
  if (event.is_object() && event.contains("action") && event["action"].is_object()) {
    const Json& action = event["action"];
    words = text_at(action, "rule") + ": " + text_at(action, "target") + "  for " + text_at(event, "who");
    if (action.value("done", Json(true)) == Json(false)) words += ", not done: " + text_at(action, "reason");
  }
  std::string line = printable(std::string(kind) + "  " + words);
  std::ranges::replace(line, '\n', ' ');
  events_.push_front(std::move(line));
  if (events_.size() > kEvents) events_.pop_back();
}

std::optional<double> WatchState::figure(std::string_view name) const {
  const auto found = figures_.find(name);
  return found == figures_.end() ? std::nullopt : std::optional(found->second);
}

std::string WatchState::line() const {
  if (!connected_) return node_ + ": no connection to the broker";
  return node_ + " " + availability_ + "  requests/s " + number(figure("requests_per_second"), 1) + "  queue " +
         number(figure("queue"), 0) + "  tokens/s " + number(figure("tokens_per_second"), 1) + "  first token p99 " +
         number(figure("first_token_p99_ms"), 0, " ms") + "  temperature " + number(figure("temperature_c"), 1, " °C") +
         "  failed " + number(figure("failed"), 0);
}

std::string WatchState::headline() const {
  std::string line = node_ + "  " + (connected_ ? availability_ : "no connection to the broker");
  for (const std::string& part : {board_, software_, model_.empty() ? model_ : "model " + model_}) {
    if (!part.empty()) line += "   " + part;
  }
  if (const auto epoch = figure("epoch")) line += "   epoch " + number(epoch, 0);
  return line;
}

void WatchState::add_figures(std::vector<std::string>& lines) const {
  const auto row = [&](const std::string& left, const std::string& middle, const std::string& right) {
    lines.push_back("  " + padded(left, 30) + padded(middle, 30) + right);
  };
  lines.push_back("  tokens/s  " + padded(number(figure("tokens_per_second"), 1), 10) + sparkline(speeds_));
  lines.push_back("  queue     " + padded(number(figure("queue"), 0), 10) + sparkline(queues_));
  lines.emplace_back();
  row("requests/s    " + number(figure("requests_per_second"), 2),
      "first token p50 " + number(figure("first_token_p50_ms"), 0, " ms"),
      "temperature " + number(figure("temperature_c"), 1, " °C"));
  row("requests      " + number(figure("requests"), 0),
      "first token p99 " + number(figure("first_token_p99_ms"), 0, " ms"),
      "power       " + number(figure("power_w"), 2, " W"));
  row("done          " + number(figure("done"), 0),
      "between tokens  " + number(figure("between_tokens_p50_ms"), 2, " ms"),
      "memory      " + mebibytes(figure("memory_anonymous_bytes")));
  row("failed        " + number(figure("failed"), 0), "flush           " + number(figure("flush_ms"), 2, " ms"),
      "available   " + mebibytes(figure("memory_available_bytes")));
  const auto used = figure("utilisation");
  row("rejected      " + number(figure("rejected"), 0), "expired         " + number(figure("expired"), 0),
      "utilisation " + number(used ? std::optional(*used * 100) : used, 0, " %"));
  const auto share = figure("prefix_share");
  row("prefix hits   " + number(figure("prefix_hits"), 0),
      "of prompts      " + number(share ? std::optional(*share * 100) : share, 0, " %"), "");
}

void WatchState::add_recent(std::vector<std::string>& lines, std::size_t most) const {
  lines.emplace_back("  last requests");
  if (recent_.empty()) lines.emplace_back("  none told");
  for (std::size_t i = 0; i < std::min(most, recent_.size()); ++i) {
    const Recent& r = recent_[i];
    lines.push_back("  " + padded(r.status, 11) + padded(r.operation, 8) + padded(r.who, 16) + padded(r.id, 28) +
                    padded(number(r.total_ms, 1, " ms"), 12) + number(r.tokens, 0, " tokens"));
  }
}

std::vector<std::string> WatchState::screen(std::size_t columns, std::size_t rows) const {
  std::vector<std::string> lines = {headline(), ""};
  if (!refusal_.empty()) lines.push_back("  status: " + refusal_ + " (shown: what the device publishes by itself)");
  add_figures(lines);
  lines.emplace_back();
  const std::size_t kept = lines.size() + (events_.empty() ? 2 : events_.size() + 4);
  add_recent(lines, rows > kept ? rows - kept : 1);
  if (!events_.empty()) lines.insert(lines.end(), {"", "  events"});
  for (const std::string& event : events_) lines.push_back("  " + event);
  if (lines.size() > rows) lines.resize(rows);
  for (std::string& line : lines) line = cut(line, columns);
  return lines;
}

}  // namespace linnet::cli::ctl
