// One function an action of `linnet ctl`.
#pragma once

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/ctl/client_config.h"
#include "runtime/cli/ctl/options.h"

namespace linnet::cli::ctl {

[[nodiscard]] Result<void> perform(const InferAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const InspectAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const CancelAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const ReplayAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const ModelAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const GpioAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const WatchAction& action, const CtlOptions& options, Console& console);
[[nodiscard]] Result<void> perform(const KeysAction& action, const CtlOptions& options, Console& console);

}  // namespace linnet::cli::ctl
