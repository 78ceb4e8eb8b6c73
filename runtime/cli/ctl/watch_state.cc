#include "runtime/cli/ctl/watch_state.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kHistory = 48;
constexpr std::size_t kEvents = 5;

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

std::string mebibytes(std::optional<double> bytes) {
  if (bytes) *bytes /= 1024 * 1024;
  return number_text(bytes, 1, " MiB");
}

}  // namespace

void WatchState::on_avail(std::string_view payload) { availability_ = one_line(payload); }

void WatchState::on_refusal(std::string_view reason) { refusal_ = one_line(reason); }

void WatchState::on_birth(std::string_view payload) {
  const Json birth = Json::parse(payload, nullptr, false);
  if (!birth.is_object()) return;
  software_ = text_at(birth, "software");
  board_ = name_at(birth, "board");
  if (birth.contains("epoch")) figures_["epoch"] = number_at(birth, "epoch").value_or(0);
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
  const double now_ms = number_at(document, "at_ms").value_or(0);
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
                       number_at(entry, "total_ms").value_or(0), number_at(entry, "tokens").value_or(0)});
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
  events_.push_front(one_line(std::string(kind) + "  " + words));
  if (events_.size() > kEvents) events_.pop_back();
}

std::optional<double> WatchState::figure(std::string_view name) const {
  const auto found = figures_.find(name);
  return found == figures_.end() ? std::nullopt : std::optional(found->second);
}

std::string WatchState::line() const {
  if (!connected_) return node_ + ": no connection to the broker";
  return node_ + " " + availability_ + "  requests/s " + number_text(figure("requests_per_second"), 1) + "  queue " +
         number_text(figure("queue"), 0) + "  tokens/s " + number_text(figure("tokens_per_second"), 1) +
         "  first token p99 " + number_text(figure("first_token_p99_ms"), 0, " ms") + "  temperature " +
         number_text(figure("temperature_c"), 1, " °C") + "  failed " + number_text(figure("failed"), 0);
}

std::string WatchState::headline() const {
  std::string line = node_ + "  " + (connected_ ? availability_ : "no connection to the broker");
  for (const std::string& part : {board_, software_, model_.empty() ? model_ : "model " + model_}) {
    if (!part.empty()) line += "   " + part;
  }
  if (const auto epoch = figure("epoch")) line += "   epoch " + number_text(epoch, 0);
  return line;
}

void WatchState::add_figures(std::vector<std::string>& lines) const {
  const auto row = [&](const std::string& left, const std::string& middle, const std::string& right) {
    lines.push_back("  " + padded(left, 30) + padded(middle, 30) + right);
  };
  lines.push_back("  tokens/s  " + padded(number_text(figure("tokens_per_second"), 1), 10) + sparkline(speeds_));
  lines.push_back("  queue     " + padded(number_text(figure("queue"), 0), 10) + sparkline(queues_));
  lines.emplace_back();
  row("requests/s    " + number_text(figure("requests_per_second"), 2),
      "first token p50 " + number_text(figure("first_token_p50_ms"), 0, " ms"),
      "temperature " + number_text(figure("temperature_c"), 1, " °C"));
  row("requests      " + number_text(figure("requests"), 0),
      "first token p99 " + number_text(figure("first_token_p99_ms"), 0, " ms"),
      "power       " + number_text(figure("power_w"), 2, " W"));
  row("done          " + number_text(figure("done"), 0),
      "between tokens  " + number_text(figure("between_tokens_p50_ms"), 2, " ms"),
      "memory      " + mebibytes(figure("memory_anonymous_bytes")));
  row("failed        " + number_text(figure("failed"), 0),
      "flush           " + number_text(figure("flush_ms"), 2, " ms"),
      "available   " + mebibytes(figure("memory_available_bytes")));
  row("rejected      " + number_text(figure("rejected"), 0), "expired         " + number_text(figure("expired"), 0),
      "utilisation " + percent_text(figure("utilisation")));
  row("prefix hits   " + number_text(figure("prefix_hits"), 0),
      "of prompts      " + percent_text(figure("prefix_share")), "");
}

void WatchState::add_recent(std::vector<std::string>& lines, std::size_t most) const {
  lines.emplace_back("  last requests");
  if (recent_.empty()) lines.emplace_back("  none told");
  for (std::size_t i = 0; i < std::min(most, recent_.size()); ++i) {
    const Recent& r = recent_[i];
    lines.push_back("  " + padded(r.status, 11) + padded(r.operation, 8) + padded(r.who, 16) + padded(r.id, 28) +
                    padded(number_text(r.total_ms, 1, " ms"), 12) + number_text(r.tokens, 0, " tokens"));
  }
}

std::vector<ScreenLine> WatchState::screen(std::size_t columns, std::size_t rows) const {
  std::vector<std::string> lines = {headline(), ""};
  if (!refusal_.empty()) lines.push_back("  status: " + refusal_ + " (shown: what the device publishes by itself)");
  add_figures(lines);
  lines.emplace_back();
  const std::size_t kept = lines.size() + (events_.empty() ? 2 : events_.size() + 4);
  add_recent(lines, rows > kept ? rows - kept : 1);
  if (!events_.empty()) lines.insert(lines.end(), {"", "  events"});
  for (const std::string& event : events_) lines.push_back("  " + event);
  if (lines.size() > rows) lines.resize(rows);
  std::vector<ScreenLine> shown;
  shown.reserve(lines.size());
  for (const std::string& line : lines) shown.push_back({cut(line, columns)});
  return shown;
}

}  // namespace linnet::cli::ctl
