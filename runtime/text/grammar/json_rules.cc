#include "runtime/text/grammar/json_rules.h"

#include <algorithm>

#include "runtime/text/grammar/json_number.h"
#include "runtime/text/grammar/json_text.h"

namespace linnet::text {
namespace {

// Rules that others use, written once where they are needed.
constexpr std::pair<std::string_view, std::string_view> kShared[] = {
    {"json-object", R"("{" (json-string ":" " "? json-value ("," " "? json-string ":" " "? json-value)*)? "}")"},
    {"json-array", R"("[" (json-value ("," " "? json-value)*)? "]")"},
    {"json-value", R"(json-object | json-array | json-string | json-number | "true" | "false" | "null")"},
    {"json-string", R"("\"" json-character* "\"")"},
    {"json-number", R"("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?)"},
};

}  // namespace

std::string JsonRules::add(std::string body) {
  std::string name = fresh_name();
  add(name, std::move(body));
  return name;
}

std::string JsonRules::shared(std::string_view name) {
  if (!shared_.insert(std::string(name)).second) return std::string(name);
  if (name == "json-character") {
    rules_.emplace_back(name, json_character({{0, kLastCharacter}}));
  } else if (name == "json-octet") {
    rules_.emplace_back(name, grammar_of_integers({0, 255}));
  } else {
    const auto* found = std::ranges::find(kShared, name, &std::pair<std::string_view, std::string_view>::first);
    rules_.emplace_back(name, found->second);
    for (const auto& other : kShared) {
      if (other.first != name && found->second.find(other.first) != std::string_view::npos) (void)shared(other.first);
    }
    if (found->second.find("json-character") != std::string_view::npos) (void)shared("json-character");
  }
  return std::string(name);
}

std::string JsonRules::text(const std::string& start) const {
  std::string out = "root ::= " + start + "\n";
  for (const auto& [name, body] : rules_) out += name + " ::= " + body + "\n";
  return out;
}

}  // namespace linnet::text
