// From a model's answer to a deed: which configured rules match, and whether they may fire now.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/daemon/config.h"

namespace linnet::daemon {

// A rule that matched, and why it may not fire, where it may not.
struct RuleMatch {
  const RuleConfig* rule = nullptr;
  std::string_view refused;  // "confidence", "rate", "interlock"; empty: it fires.
};

// Not thread-safe. The configuration outlives it.
class Rules {
 public:
  // `line_active` tells whether a line is active now; nothing where it cannot be read (an interlock then holds).
  using LineState = std::function<std::optional<bool>(const std::string& line)>;
  Rules(const std::vector<RuleConfig>& rules, LineState line_active)
      : rules_(rules), line_active_(std::move(line_active)) {}

  // The rules that the answer matches, in their order. An answer that is no JSON object matches none. A rule that may
  // fire counts as fired at `now`. Without a confidence, rules that demand one do not fire.
  [[nodiscard]] std::vector<RuleMatch> match(std::string_view answer, std::optional<double> confidence,
                                             Clock::time_point now);

 private:
  std::string_view why_not(const RuleConfig& rule, std::optional<double> confidence, Clock::time_point now) const;

  const std::vector<RuleConfig>& rules_;
  LineState line_active_;
  std::map<const RuleConfig*, Clock::time_point> fired_;
};

}  // namespace linnet::daemon
