#include "runtime/cli/ctl/report.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;
using Row = std::pair<std::string, std::string>;

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// An entry of a list on one line: "id r1, status done".
std::string in_a_line(const Json& entry) {
  if (!entry.is_object()) return plain(entry);
  std::string line;
  for (const auto& [key, value] : entry.items()) line += (line.empty() ? "" : ", ") + key + " " + plain(value);
  return line;
}

void add_rows(const Json& value, const std::string& name, std::vector<Row>& rows) {
  if (value.is_array()) {
    if (value.empty()) rows.emplace_back(name, "none");
    for (const Json& entry : value) rows.emplace_back(&entry == &value.front() ? name : "", in_a_line(entry));
    return;
  }
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) add_rows(entry, name.empty() ? key : name + "." + key, rows);
  } else {
    rows.emplace_back(name, plain(value));
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text);
  const auto moves_the_cursor = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
  };
  std::ranges::replace_if(shown, moves_the_cursor, '?');
  return shown;
}

std::string figures_text(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (document.is_string()) return printable(document.get<std::string>()) + "\n";
  if (!document.is_object()) return printable(json) + "\n";
  std::vector<Row> rows;
  add_rows(document, "", rows);
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.first.size());
  std::string text;
  for (const auto& [name, value] : rows) text += name + std::string(width + 2 - name.size(), ' ') + value + "\n";
  return printable(text);
}

std::string audit_text(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_array()) return printable(json) + "\n";
  std::string text;
  for (const Json& record : document) {
    if (!record.is_object()) continue;
    const auto word = [&](const char* key) {
      return record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : "-";
    };
    const std::time_t at =
        record.contains("at") && record["at"].is_number_integer() ? record["at"].get<std::time_t>() : 0;
    std::tm parts{};
    std::array<char, 32> when{};
    if (gmtime_r(&at, &parts) != nullptr) (void)std::strftime(when.data(), when.size(), "%Y-%m-%d %H:%M:%S", &parts);
    std::string line =
        std::string(when.data()) + "  " + word("who") + "  " + word("op") + "  " + word("id") + "  " + word("result");
    std::ranges::replace(line, '\n', ' ');
    text += line + "\n";
  }
  return printable(text);
}

bool is_json(std::string_view text) { return Json::accept(text); }

std::string models_text(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_array()) return printable(json) + "\n";
  std::string text;
  for (const Json& model : document) {
    if (!model.is_object()) continue;
    text += model.value("loaded", Json(false)) == Json(true) ? "* " : "  ";
    const Json name = model.value("name", Json());
    text += (name.is_string() ? name.get<std::string>() : name.dump()) + "\n";
  }
  return printable(text);
}

}  // namespace linnet::cli::ctl
