// What a device says about a request (docs/mqtt.md), read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::cli::ctl {

struct Reply {
  enum class Kind : std::uint8_t { kAccepted, kRejected, kChunk, kOutcome };

  Kind kind = Kind::kOutcome;
  std::string id;      // Empty where the device could not read the request's.
  std::string status;  // Of an outcome: "done", "failed", "cancelled", "expired".

  std::uint64_t sequence = 0;       // Of a chunk.
  std::optional<std::string> text;  // Of a chunk, or an outcome's whole text.
  std::string reasoning;            // What the model thought before it, where it is told.

  int code = 0;  // Of a rejection: MQTT's reason code.
  std::string reason;
  std::string detail;
  std::chrono::milliseconds retry_after{0};

  std::uint64_t chunks = 0;  // Of an outcome.
  std::string sha256;        // Of the whole text; empty where it is not told.
  std::string result;        // JSON, of operations that are no generation.
  std::string raw;           // The message as it came.
};

// Errors: kMalformed where it is none of the four.
[[nodiscard]] Result<Reply> parse_reply(std::string_view payload);

// The number at `epoch` of a birth message, as text; empty where there is none.
[[nodiscard]] std::string epoch_of_birth(std::string_view payload);

// Whether the text of an outcome has the hash that it tells; true where it tells none.
[[nodiscard]] bool text_is_whole(const Reply& outcome);

// The error that an end other than `done` is for the one who asked, with the exit code's kind.
[[nodiscard]] Result<void> as_result(const Reply& end);

}  // namespace linnet::cli::ctl
