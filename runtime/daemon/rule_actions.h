// Carries out what the configured rules make of an answer: a line is driven, a message is sent.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "runtime/daemon/config.h"
#include "runtime/daemon/device_operations.h"
#include "runtime/daemon/rules.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {

// For the worker's thread. Borrows all of it.
class RuleActions final : public AnswerActions {
 public:
  RuleActions(const std::vector<RuleConfig>& rules, DeviceLines& lines, Publisher& publisher);

  std::vector<Deed> deeds_of(std::string_view answer, std::optional<double> confidence) override;
  Result<void> perform(const Deed& deed) override;

 private:
  const std::vector<RuleConfig>& configured_;
  DeviceLines& lines_;
  Publisher& publisher_;
  Rules rules_;
};

}  // namespace linnet::daemon
