// One request over the network, from connecting to its outcome, with Ctrl-C and a time limit.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "runtime/cli/console.h"
#include "runtime/cli/ctl/client_config.h"
#include "runtime/cli/ctl/exchange.h"
#include "runtime/cli/ctl/request_text.h"

namespace linnet::cli::ctl {

struct CallOptions {
  std::string id;
  RequestText request;
  std::string pool;  // The pool's model; empty: the endpoint's node.
  ExchangeLimits limits;
  std::chrono::milliseconds time{0};           // For the whole call.
  std::optional<std::chrono::seconds> expiry;  // Message Expiry: the device does not start it later.
  std::string about{};                         // `replay`: what comes is about this request.
  bool shows_reasoning = false;                // On standard error.
};

// Pieces of the answer as they come. An error (a closed pipe) ends the call.
using TextSink = std::function<Result<void>(std::string_view piece, bool restarted)>;

// Runs the request to its end and returns it, whatever it is (as_result() judges it). Ctrl-C cancels the request on the
// device, waits for its outcome and gives kInterrupted. Errors: those of Link, kIo (no outcome in time), kDenied.
[[nodiscard]] Result<Reply> call(const Endpoint& endpoint, const CallOptions& options, Console& console,
                                 const TextSink& sink);

}  // namespace linnet::cli::ctl
