// `linnet ctl watch` of many devices: what each tells of itself, a row each; nothing is asked of them.
#pragma once

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/ctl/client_config.h"
#include "runtime/cli/ctl/options.h"

namespace linnet::cli::ctl {

// Of `action.nodes`, or of all of the endpoint's group. Errors: those of Link::open and Console::print.
[[nodiscard]] Result<void> watch_fleet(const Endpoint& endpoint, const WatchAction& action, bool json,
                                       Console& console);

}  // namespace linnet::cli::ctl
