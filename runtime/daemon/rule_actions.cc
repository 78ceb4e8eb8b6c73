#include "runtime/daemon/rule_actions.h"

#include <string>

namespace linnet::daemon {

RuleActions::RuleActions(const std::vector<RuleConfig>& rules, DeviceLines& lines, Publisher& publisher)
    : configured_(rules), lines_(lines), publisher_(publisher), rules_(rules, [&lines](const std::string& line) {
        const auto active = lines.read(line, false);
        return active ? std::optional(*active) : std::nullopt;
      }) {}

std::vector<AnswerActions::Deed> RuleActions::deeds_of(std::string_view answer, std::optional<double> confidence) {
  std::vector<Deed> deeds;
  for (const RuleMatch& match : rules_.match(answer, confidence, Clock::now())) {
    const RuleAction& action = match.rule->action;
    Deed deed;
    deed.rule = match.rule->name;
    deed.target = action.line.empty() ? "topic " + action.topic : "line " + action.line;
    deed.refused = match.refused;
    deed.index = static_cast<std::size_t>(match.rule - configured_.data());
    deeds.push_back(std::move(deed));
  }
  return deeds;
}

Result<void> RuleActions::perform(const Deed& deed) {
  const RuleAction& action = configured_[deed.index].action;
  if (!action.line.empty()) return lines_.drive(action.line, action.active.value_or(true), false);
  OutgoingMessage message;
  message.topic = action.topic;
  message.payload = action.payload;
  message.qos = 1;
  message.content_type = "";
  LINNET_TRY(const int token, publisher_.publish(message));
  static_cast<void>(token);
  return {};
}

}  // namespace linnet::daemon
