// The rules of a grammar that a JSON schema becomes. Private to runtime/text/grammar.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linnet::text {

// Between the parts of a JSON text: at most one space.
[[nodiscard]] inline std::string optional_space() { return " \" \"? "; }

// Collects rules by name, in the order in which they were complete.
class JsonRules {
 public:
  // A name that no other rule has.
  [[nodiscard]] std::string fresh_name() { return "r" + std::to_string(count_++); }

  void add(std::string name, std::string body) { rules_.emplace_back(std::move(name), std::move(body)); }

  // Adds a rule under a name of its own, and returns that.
  [[nodiscard]] std::string add(std::string body);

  // The name of a rule that others share (json-value, json-object, json-array, json-string, json-number,
  // json-character, json-octet), which is added with what it uses where it is needed first.
  std::string shared(std::string_view name);

  // The grammar's text; it begins with what the rule `start` allows.
  [[nodiscard]] std::string text(const std::string& start) const;

 private:
  std::vector<std::pair<std::string, std::string>> rules_;
  std::set<std::string> shared_;
  std::size_t count_ = 0;
};

}  // namespace linnet::text
