// Carries out what the configured rules make of an answer: a line is driven, a message is sent.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/daemon/config.h"
#include "runtime/daemon/device_operations.h"
#include "runtime/daemon/rules.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {

// Thread-safe. Borrows lines and publisher.
class RuleActions final : public AnswerActions {
 public:
  RuleActions(std::vector<RuleConfig> rules, DeviceLines& lines, Publisher& publisher);

  // From now on these are the rules.
  void configure(std::vector<RuleConfig> rules);

  std::vector<Deed> deeds_of(std::string_view answer, std::optional<double> confidence) override;
  Result<void> perform(const Deed& deed) override;
  void make_safe(const Deed& deed) override;

 private:
  // By name: the rules may have changed since.
  [[nodiscard]] std::optional<RuleAction> action_of(const Deed& deed);

  DeviceLines& lines_;
  Publisher& publisher_;
  std::mutex mutex_;
  std::vector<RuleConfig> configured_;
  std::optional<Rules> rules_;  // Borrows configured_.
};

}  // namespace linnet::daemon
