// A command as a client sent it, checked: what it asks, until when, and where its answers go.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "runtime/base/result.h"
#include "runtime/daemon/reason.h"
#include "runtime/daemon/roles.h"
#include "runtime/text/grammar/grammar.h"

namespace linnet::daemon {

enum class Priority : std::uint8_t { kLow, kNormal, kHigh };
enum class ResponseForm : std::uint8_t { kText, kJson };
// Of a model that thinks before it answers: its thoughts are told beside the answer, not told, or not thought.
enum class ReasoningWish : std::uint8_t { kShow, kHide, kOff };

struct ChatTurn {
  std::string role;
  std::string content;
};

// Sampling as the engine takes it; what is absent is the model's or the engine's default.
struct SamplingArguments {
  std::optional<double> temperature;
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repeat_penalty;
  std::optional<std::uint64_t> seed;
};

struct InferArguments {
  std::string model;   // A configured name; empty: the loaded one, else the default.
  std::string prompt;  // Or messages; never both.
  std::vector<ChatTurn> messages;
  SamplingArguments sampling;
  std::vector<std::string> stop;
  std::optional<std::uint32_t> max_tokens;
  ResponseForm response = ResponseForm::kText;
  std::string grammar;  // Of the schema that the answer must follow; empty: none.
  ReasoningWish reasoning = ReasoningWish::kShow;
  std::optional<std::uint32_t> max_reasoning_tokens;
};

struct EmbedArguments {
  std::string model;  // As of InferArguments.
  std::vector<std::string> texts;
};

struct CancelArguments {
  std::string target;  // The id of a request of the same client.
};

struct ReplayArguments {
  std::string target;
  std::uint64_t from_sequence = 0;
};

struct GpioArguments {
  std::string line;
  std::optional<bool> active;  // Absent: read it.
};

struct AuditArguments {
  std::size_t last = 50;  // So many of the newest records.
};

struct ModelArguments {
  std::string model;  // A name among the configured models.
};

struct NoArguments {};

using Arguments = std::variant<NoArguments, InferArguments, EmbedArguments, CancelArguments, ReplayArguments,
                               GpioArguments, AuditArguments, ModelArguments>;

struct Request {
  std::string id;
  OperationKind operation = OperationKind::kStatus;
  Arguments arguments;
  std::optional<std::chrono::milliseconds> deadline;  // From receipt; clients without Message Expiry write deadline_ms.
  bool stream = true;
  Priority priority = Priority::kNormal;
  bool durable = false;
  std::string reply_topic;  // From the payload, for clients without MQTT 5's Response Topic; may be empty.
};

// What the payload may hold.
struct RequestLimits {
  std::size_t payload_bytes = std::size_t{128} * 1024;
  std::size_t stop_texts = 8;
  std::size_t stop_bytes = 128;
  std::size_t messages = 256;
  std::size_t embedded_texts = 16;
  // Of a schema as a grammar: its text, and its automaton, for which each answer's memory plan has room.
  std::size_t grammar_text = std::size_t{256} * 1024;
  std::size_t grammar_bytes = std::size_t{1024} * 1024;
};

// Reads the payload of a command of kind `operation`. Unknown keys are refused by name: a misspelt option must not pass
// in silence.
[[nodiscard]] tl::expected<Request, Rejection> parse_request(OperationKind operation, std::string_view payload,
                                                             const RequestLimits& limits = {});

// A schema's grammar, within the limits. Errors: those of Grammar::compile, kExhausted where it is too large.
[[nodiscard]] Result<text::Grammar> compile_schema(std::string_view grammar, const RequestLimits& limits = {});

// The id in such a payload, for a refusal; empty where it cannot be read.
[[nodiscard]] std::string request_id_of(std::string_view payload, const RequestLimits& limits = {});

}  // namespace linnet::daemon
