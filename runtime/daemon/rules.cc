#include "runtime/daemon/rules.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace linnet::daemon {
namespace {

using Json = nlohmann::json;

// The value at a path such as "slots.house_place", or null where it does not lead anywhere.
const Json* at_path(const Json& answer, std::string_view path) {
  const Json* value = &answer;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const std::string key(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    if (!value->is_object()) return nullptr;
    const auto found = value->find(key);
    if (found == value->end()) return nullptr;
    value = &*found;
  }
  return value;
}

// Texts are compared as they are, numbers and booleans as JSON writes them; in a list one entry must be equal.
bool equals(const Json& value, const std::string& wanted) {
  if (value.is_array()) {
    return std::any_of(value.begin(), value.end(),
                       [&](const Json& entry) { return !entry.is_array() && equals(entry, wanted); });
  }
  if (value.is_string()) return value.get_ref<const std::string&>() == wanted;
  return value.is_primitive() && value.dump() == wanted;
}

bool matches(const RuleConfig& rule, const Json& answer) {
  return std::all_of(rule.when.begin(), rule.when.end(), [&](const auto& condition) {
    const Json* value = at_path(answer, condition.first);
    return value != nullptr && equals(*value, condition.second);
  });
}

}  // namespace

std::vector<RuleMatch> Rules::match(std::string_view answer, std::optional<double> confidence, Clock::time_point now) {
  std::vector<RuleMatch> found;
  if (rules_.empty()) return found;
  const Json document = Json::parse(answer, nullptr, false);
  if (!document.is_object()) return found;
  for (const RuleConfig& rule : rules_) {
    if (!matches(rule, document)) continue;
    found.push_back({&rule, why_not(rule, confidence, now)});
    if (found.back().refused.empty()) fired_[&rule] = now;
  }
  return found;
}

std::string_view Rules::why_not(const RuleConfig& rule, std::optional<double> confidence, Clock::time_point now) const {
  if (rule.minimum_confidence > 0 && confidence.value_or(0) < rule.minimum_confidence) return "confidence";
  const auto last = fired_.find(&rule);
  if (last != fired_.end() && now - last->second < rule.minimum_interval) return "rate";
  if (!rule.interlock.empty() && !line_active_(rule.interlock).value_or(false)) return "interlock";
  return {};
}

}  // namespace linnet::daemon
