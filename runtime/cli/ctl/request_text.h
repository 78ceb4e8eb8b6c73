// The messages that a client sends (docs/mqtt.md), and the ids it gives its requests.
#pragma once

#include <string>
#include <string_view>

#include "runtime/cli/ctl/options.h"

namespace linnet::cli::ctl {

// A ULID: 48 bits of milliseconds since 1970 and 80 random bits in Crockford's base 32, so that ids sort by age.
[[nodiscard]] std::string fresh_id();

// An operation's name and its payload.
struct RequestText {
  std::string operation;
  std::string payload;
};

// `schema` is JSON, or empty.
[[nodiscard]] RequestText infer_text(std::string_view id, const InferAction& action, const std::string& prompt,
                                     const std::string& schema = {});
[[nodiscard]] RequestText inspect_text(std::string_view id, const InspectAction& action);
[[nodiscard]] RequestText cancel_text(std::string_view id, std::string_view target);
[[nodiscard]] RequestText replay_text(std::string_view id, std::string_view target, std::uint64_t from);
[[nodiscard]] RequestText model_text(std::string_view id, const ModelAction& action);
[[nodiscard]] RequestText gpio_text(std::string_view id, const GpioAction& action);

}  // namespace linnet::cli::ctl
