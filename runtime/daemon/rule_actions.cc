#include "runtime/daemon/rule_actions.h"

#include <algorithm>
#include <string>
#include <utility>

namespace linnet::daemon {

RuleActions::RuleActions(std::vector<RuleConfig> rules, DeviceLines& lines, Publisher& publisher)
    : lines_(lines), publisher_(publisher) {
  configure(std::move(rules));
}

void RuleActions::configure(std::vector<RuleConfig> rules) {
  const std::lock_guard lock(mutex_);
  configured_ = std::move(rules);
  rules_.emplace(configured_, [this](const std::string& line) {
    const auto active = lines_.read(line, false);
    return active ? std::optional(*active) : std::nullopt;
  });
}

std::vector<AnswerActions::Deed> RuleActions::deeds_of(std::string_view answer, std::optional<double> confidence) {
  const std::lock_guard lock(mutex_);
  std::vector<Deed> deeds;
  for (const RuleMatch& match : rules_->match(answer, confidence, Clock::now())) {
    const RuleAction& action = match.rule->action;
    Deed deed;
    deed.rule = match.rule->name;
    deed.target = action.line.empty() ? "topic " + action.topic : "line " + action.line;
    deed.refused = match.refused;
    deeds.push_back(std::move(deed));
  }
  return deeds;
}

std::optional<RuleAction> RuleActions::action_of(const Deed& deed) {
  const std::lock_guard lock(mutex_);
  const auto rule = std::find_if(configured_.begin(), configured_.end(),
                                 [&](const RuleConfig& candidate) { return candidate.name == deed.rule; });
  return rule == configured_.end() ? std::nullopt : std::optional(rule->action);
}

Result<void> RuleActions::perform(const Deed& deed) {
  const auto action = action_of(deed);
  if (!action) return fail(ErrorKind::kAbsent, "rule '" + deed.rule + "' is gone");
  if (!action->line.empty()) return lines_.drive(action->line, action->active.value_or(true), false);
  OutgoingMessage message;
  message.topic = action->topic;
  message.payload = action->payload;
  // At most once: QoS 1 is sent again where only its acknowledgement was lost, and an action is never repeated.
  message.qos = 0;
  message.content_type = "";
  LINNET_TRY(const int token, publisher_.publish(message));
  static_cast<void>(token);
  return {};
}

void RuleActions::make_safe(const Deed& deed) {
  const auto action = action_of(deed);
  if (action && !action->line.empty()) lines_.make_safe(action->line);
}

}  // namespace linnet::daemon
