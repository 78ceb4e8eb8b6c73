// Why a request was refused, in MQTT 5's reason codes: the `rc` of a rejection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace linnet::daemon {

enum class ReasonCode : std::uint8_t {
  kUnspecified = 0x80,
  kImplementationError = 0x83,
  kNotAuthorized = 0x87,
  kServerBusy = 0x89,
  kTooLarge = 0x95,
  kQuotaExceeded = 0x97,
  kPayloadInvalid = 0x99,
};

// What a client is told: a code for programs and a line for people.
struct Rejection {
  ReasonCode code = ReasonCode::kUnspecified;
  std::string reason;
};

}  // namespace linnet::daemon
