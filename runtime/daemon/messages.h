// The messages the device sends about a request, as JSON (docs/mqtt.md has their schemas).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/reason.h"

namespace linnet::daemon {

// How a finished generation went. Times are of this device's monotonic clock.
struct GenerationReport {
  std::string_view text;
  std::string_view reasoning{};  // Empty where the model has none.
  std::string_view finish;       // "stop", "length", "cancelled".
  std::uint64_t prompt_tokens = 0;
  std::uint64_t tokens = 0;
  std::uint64_t chunks = 0;  // Messages of the stream, so that a gap is seen.
  std::chrono::microseconds queued{0};
  std::chrono::microseconds first_token{0};  // From start to the first token.
  std::chrono::microseconds total{0};
  std::string_view actions{};        // A JSON list of what the answer brought about, or empty.
  std::optional<double> joules;      // Where the board measures power …
  std::string_view energy_source{};  // … "measured", or "estimated" from its parts.
  std::optional<double> cost;        // Of the joules, in the currency of the configured tariff.
  std::optional<double> confidence;  // Geometric mean probability of the tokens that no grammar forced.
};

// One entry of that list. `failure` is empty where the deed was done.
void append_deed(std::string& out, std::string_view rule, std::string_view target, std::string_view failure);

// Appends `text` as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Each overwrites `out`, whose capacity is kept: after the first messages nothing is allocated.
void write_accepted(std::string& out, std::string_view id, std::size_t position, std::chrono::milliseconds estimate);
void write_rejected(std::string& out, std::string_view id, const Rejection& rejection,
                    std::chrono::milliseconds retry_after, std::size_t queue_depth);
// A chunk is of one part: either `text` or `reasoning` is empty.
void write_chunk(std::string& out, std::string_view id, std::uint64_t sequence, std::string_view text,
                 std::string_view reasoning = {});
// The end of a generation: done, or cancelled with what it had.
void write_generation(std::string& out, std::string_view id, OutcomeKind kind, const GenerationReport& report);
// The answer of an operation that is no generation; `json` is a JSON value.
void write_result(std::string& out, std::string_view id, std::string_view json);
// An end without a generation: failed, cancelled, expired. `reason` is a word for programs ("outcome_unknown"),
// `detail` a line for people.
void write_ended(std::string& out, std::string_view id, OutcomeKind kind, std::string_view reason,
                 std::string_view detail);

// Such a word for an error.
[[nodiscard]] std::string_view reason_of(ErrorKind kind);

// Lower-case hexadecimal SHA-256.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace linnet::daemon
