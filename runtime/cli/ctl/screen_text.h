// What `linnet ctl watch` takes from a device's messages, and how it becomes columns of a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace linnet::cli::ctl {

// One line of a screen, without anything that moves a cursor.
struct ScreenLine {
  std::string text;
  bool faded = false;  // Of what is not there any more.
};

// What a device or a broker said, on one line and without what moves a cursor: nobody's words are trusted.
[[nodiscard]] std::string one_line(std::string_view text);

// A member that is a text, as one line; empty where there is none.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* key);
// The same, or the `name` of an object.
[[nodiscard]] std::string name_at(const nlohmann::json& object, const char* key);
[[nodiscard]] std::optional<double> number_at(const nlohmann::json& object, const char* key);

// "-" where there is none.
[[nodiscard]] std::string number_text(std::optional<double> value, int decimals, const char* unit = "");
// Of a share: 0.5 is "50 %".
[[nodiscard]] std::string percent_text(std::optional<double> share);

// Characters, not bytes.
[[nodiscard]] std::size_t width_of(const std::string& text);
// At most so many, never cut inside one.
[[nodiscard]] std::string cut(const std::string& line, std::size_t columns);
// At least so many, filled with spaces at the right or the left.
[[nodiscard]] std::string padded(std::string text, std::size_t width);
[[nodiscard]] std::string right_aligned(const std::string& text, std::size_t width);

}  // namespace linnet::cli::ctl
