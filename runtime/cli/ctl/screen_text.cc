#include "runtime/cli/ctl/screen_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "runtime/cli/ctl/report.h"

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::string one_line(std::string_view text) {
  std::string line = printable(text);
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  return line;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? one_line(found->get<std::string>()) : std::string();
}

std::string name_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? text_at(*found, "name") : text_at(object, key);
}

std::optional<double> number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::string number_text(std::optional<double> value, int decimals, const char* unit) {
  if (!value) return "-";
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "%.*f%s", decimals, *value, unit);
  return text.data();
}

std::string percent_text(std::optional<double> share) {
  if (share) *share *= 100;
  return number_text(share, 0, " %");
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cut(const std::string& line, std::size_t columns) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (begins_character(line[i]) && characters++ == columns) return line.substr(0, i);
  }
  return line;
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t shown = width_of(text);
  if (shown < width) text.append(width - shown, ' ');
  return text;
}

std::string right_aligned(const std::string& text, std::size_t width) {
  const std::size_t shown = width_of(text);
  return shown < width ? std::string(width - shown, ' ') + text : text;
}

}  // namespace linnet::cli::ctl
