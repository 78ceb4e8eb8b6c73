// What a device tells of itself, laid out for people.
#pragma once

#include <string>
#include <string_view>

namespace linnet::cli::ctl {

// A JSON object as lines "name  value", nested names joined by dots; other values as they are. The device's answer is
// not trusted: control characters are shown as '?'.
[[nodiscard]] std::string figures_text(std::string_view json);

// The list of `models`: "* name" for what is loaded, "  name" for the rest.
[[nodiscard]] std::string models_text(std::string_view json);

// The list of `audit`, a line a record: when (UTC), who, what, how it ended.
[[nodiscard]] std::string audit_text(std::string_view json);

[[nodiscard]] bool is_json(std::string_view text);

// `text` without what moves a terminal's cursor: newlines and tabs stay.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace linnet::cli::ctl
