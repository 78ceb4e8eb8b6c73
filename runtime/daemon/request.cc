#include "runtime/daemon/request.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>

#include <nlohmann/json.hpp>

#include "runtime/daemon/topics.h"
#include "runtime/text/grammar/json_schema.h"

namespace linnet::daemon {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kMostTokens = 1U << 20;
constexpr std::int64_t kLongestDeadlineMs = 7LL * 24 * 3600 * 1000;

// Reads one JSON object. The first fault is kept, and everything after it reads as absent, so the callers need no
// checks.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string where, std::optional<Rejection>& fault)
      : object_(object), where_(std::move(where)), fault_(fault) {
    if (!object.is_object()) reject("must be an object");
  }

  void allow(std::initializer_list<std::string_view> keys) {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) return reject("has no key '" + printable(key) + "'");
    }
  }

  void reject(const std::string& why) {
    if (!fault_) fault_ = Rejection{ReasonCode::kPayloadInvalid, where_ + " " + why};
  }

  const Json* find(const char* key) const {
    if (fault_ || !object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  std::optional<std::string> text(const char* key) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    reject_type(key, "a text");
    return std::nullopt;
  }

  std::optional<bool> boolean(const char* key) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_boolean()) return value->get<bool>();
    reject_type(key, "true or false");
    return std::nullopt;
  }

  std::optional<std::int64_t> integer(const char* key, std::int64_t least, std::int64_t most) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_integer() && !(value->is_number_unsigned() && value->get<std::uint64_t>() > kInt64Max)) {
      const auto number = value->get<std::int64_t>();
      if (number >= least && number <= most) return number;
    }
    reject_type(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }

  std::optional<double> number(const char* key, double least, double most) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) {
      const auto number = value->get<double>();
      if (number >= least && number <= most) return number;
    }
    reject_type(key, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }

  // The position of the text at `key` in `names`.
  std::optional<std::size_t> one_of(const char* key, std::initializer_list<std::string_view> names) {
    const auto value = text(key);
    if (!value) return std::nullopt;
    const auto* found = std::find(names.begin(), names.end(), *value);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    std::string list;
    for (const auto name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    reject_type(key, "one of " + list);
    return std::nullopt;
  }

 private:
  static constexpr auto kInt64Max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

  void reject_type(const char* key, const std::string& wanted) {
    reject("'" + std::string(key) + "' must be " + wanted);
  }

  // What a client wrote, safe to send back: short and without control characters.
  static std::string printable(std::string_view text) {
    std::string shown(text.substr(0, 40));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    return shown;
  }

  const Json& object_;
  std::string where_;
  std::optional<Rejection>& fault_;
};

std::vector<ChatTurn> read_messages(ObjectReader& args, const RequestLimits& limits, std::optional<Rejection>& fault) {
  std::vector<ChatTurn> turns;
  const Json* list = args.find("messages");
  if (list == nullptr) return turns;
  if (!list->is_array() || list->empty() || list->size() > limits.messages) {
    args.reject("'messages' must be a list of 1 to " + std::to_string(limits.messages) + " messages");
    return turns;
  }
  for (const Json& entry : *list) {
    ObjectReader message(entry, "a message", fault);
    message.allow({"role", "content"});
    const auto role = message.one_of("role", {"system", "user", "assistant", "tool"});
    const auto content = message.text("content");
    if (!role || !content) message.reject("needs 'role' and 'content'");
    turns.push_back({message.text("role").value_or(""), content.value_or("")});
  }
  return turns;
}

std::vector<std::string> read_stops(ObjectReader& args, const RequestLimits& limits) {
  std::vector<std::string> stops;
  const Json* list = args.find("stop");
  if (list == nullptr) return stops;
  const std::string form = "'stop' must be a list of at most " + std::to_string(limits.stop_texts) + " texts of 1 to " +
                           std::to_string(limits.stop_bytes) + " bytes";
  if (!list->is_array() || list->size() > limits.stop_texts) {
    args.reject(form);
    return stops;
  }
  for (const Json& entry : *list) {
    const auto* text = entry.get_ptr<const std::string*>();
    if (text == nullptr || text->empty() || text->size() > limits.stop_bytes) {
      args.reject(form);
      return stops;
    }
    stops.push_back(*text);
  }
  return stops;
}

SamplingArguments read_sampling(ObjectReader& args) {
  SamplingArguments sampling;
  sampling.temperature = args.number("temperature", 0, 100);
  if (const auto value = args.integer("top_k", 0, 1 << 24)) sampling.top_k = static_cast<int>(*value);
  sampling.top_p = args.number("top_p", 0, 1);
  sampling.min_p = args.number("min_p", 0, 1);
  sampling.repeat_penalty = args.number("repeat_penalty", 0.01, 100);
  if (const auto value = args.integer("seed", 0, std::numeric_limits<std::int64_t>::max())) {
    sampling.seed = static_cast<std::uint64_t>(*value);
  }
  return sampling;
}

// The grammar of a JSON Schema: what it cannot promise, and what is larger than was planned for, is told at once, not
// when the answer is due.
std::string read_schema(ObjectReader& args, const RequestLimits& limits) {
  const Json* schema = args.find("schema");
  if (schema == nullptr) return {};
  auto grammar = text::grammar_of_json_schema(schema->dump());
  const auto compiled = !grammar ? tl::unexpected(grammar.error()) : compile_schema(*grammar, limits);
  if (compiled) return *std::move(grammar);
  args.reject("'schema': " + compiled.error().message);
  return {};
}

InferArguments read_infer(ObjectReader& args, const RequestLimits& limits, std::optional<Rejection>& fault) {
  args.allow({"prompt", "messages", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed",
              "stop", "response", "model", "schema", "reasoning", "max_reasoning_tokens"});
  InferArguments infer;
  infer.model = args.text("model").value_or("");
  if ((args.find("prompt") != nullptr) == (args.find("messages") != nullptr)) {
    args.reject("needs either 'prompt' or 'messages'");
  }
  infer.prompt = args.text("prompt").value_or("");
  infer.messages = read_messages(args, limits, fault);
  infer.sampling = read_sampling(args);
  infer.stop = read_stops(args, limits);
  if (const auto most = args.integer("max_tokens", 1, kMostTokens))
    infer.max_tokens = static_cast<std::uint32_t>(*most);
  if (const auto form = args.one_of("response", {"text", "json"})) infer.response = static_cast<ResponseForm>(*form);
  infer.grammar = read_schema(args, limits);
  if (const auto wish = args.one_of("reasoning", {"show", "hide", "off"}))
    infer.reasoning = static_cast<ReasoningWish>(*wish);
  if (const auto most = args.integer("max_reasoning_tokens", 0, kMostTokens))
    infer.max_reasoning_tokens = static_cast<std::uint32_t>(*most);
  return infer;
}

EmbedArguments read_embed(ObjectReader& args, const RequestLimits& limits) {
  args.allow({"texts", "model"});
  EmbedArguments embed;
  embed.model = args.text("model").value_or("");
  const Json* list = args.find("texts");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > limits.embedded_texts) {
    args.reject("needs 'texts', a list of 1 to " + std::to_string(limits.embedded_texts) + " texts");
    return embed;
  }
  for (const Json& entry : *list) {
    if (!entry.is_string()) args.reject("'texts' must be a list of texts");
    embed.texts.push_back(entry.is_string() ? entry.get<std::string>() : "");
  }
  return embed;
}

// A text that must be there.
std::string needed_text(ObjectReader& args, const char* key) {
  const auto text = args.text(key);
  if (!text || text->empty()) args.reject("needs '" + std::string(key) + "'");
  return text.value_or("");
}

Arguments read_arguments(OperationKind operation, ObjectReader& args, const RequestLimits& limits,
                         std::optional<Rejection>& fault) {
  switch (operation) {
    case OperationKind::kInfer: return read_infer(args, limits, fault);
    case OperationKind::kEmbed: return read_embed(args, limits);
    case OperationKind::kCancel: args.allow({"id"}); return CancelArguments{needed_text(args, "id")};
    case OperationKind::kReplay: {
      args.allow({"id", "from_seq"});
      const auto from = args.integer("from_seq", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
      return ReplayArguments{needed_text(args, "id"), static_cast<std::uint64_t>(from)};
    }
    case OperationKind::kGpio: {
      args.allow({"line", "active"});
      return GpioArguments{needed_text(args, "line"), args.boolean("active")};
    }
    case OperationKind::kAudit: {
      args.allow({"last"});
      return AuditArguments{static_cast<std::size_t>(args.integer("last", 1, 1000).value_or(50))};
    }
    case OperationKind::kLoad:
    case OperationKind::kUnload:
    case OperationKind::kSwap: args.allow({"model"}); return ModelArguments{needed_text(args, "model")};
    case OperationKind::kStatus:
    case OperationKind::kModels:
    case OperationKind::kRebirth: args.allow({}); return NoArguments{};
  }
  return NoArguments{};
}

// ULIDs, UUIDs and what else clients number their requests with.
bool is_request_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), allowed);
}

Request read_request(OperationKind operation, const Json& document, const RequestLimits& limits,
                     std::optional<Rejection>& fault) {
  ObjectReader reader(document, "the request", fault);
  reader.allow({"id", "op", "args", "deadline_ms", "stream", "prio", "durable", "reply_topic"});
  Request request;
  request.operation = operation;
  request.id = reader.text("id").value_or("");
  if (!is_request_id(request.id)) reader.reject("'id' must be 1 to 64 letters, digits, '_', '-' or '.'");
  if (reader.text("op").value_or(std::string(to_string(operation))) != to_string(operation)) {
    reader.reject("'op' is not the operation of the topic");
  }
  if (const auto ms = reader.integer("deadline_ms", 1, kLongestDeadlineMs))
    request.deadline = std::chrono::milliseconds(*ms);
  request.stream = reader.boolean("stream").value_or(true);
  request.durable = reader.boolean("durable").value_or(false);
  request.reply_topic = reader.text("reply_topic").value_or("");
  if (const auto priority = reader.one_of("prio", {"low", "normal", "high"}))
    request.priority = static_cast<Priority>(*priority);
  static const Json kNoArguments = Json::object();
  const Json* arguments = reader.find("args");
  ObjectReader args(arguments == nullptr ? kNoArguments : *arguments, "'args'", fault);
  request.arguments = read_arguments(operation, args, limits, fault);
  return request;
}

}  // namespace

Result<text::Grammar> compile_schema(std::string_view grammar, const RequestLimits& limits) {
  const text::GrammarLimits most{.text_bytes = limits.grammar_text,
                                 .states = limits.grammar_bytes / sizeof(text::GrammarState)};
  LINNET_TRY(auto compiled, text::Grammar::compile(grammar, most));
  if (compiled.bytes() <= limits.grammar_bytes) return compiled;
  return fail(ErrorKind::kExhausted, "as a grammar it takes " + std::to_string(compiled.bytes()) + " bytes; at most " +
                                         std::to_string(limits.grammar_bytes) + " are planned");
}

tl::expected<Request, Rejection> parse_request(OperationKind operation, std::string_view payload,
                                               const RequestLimits& limits) {
  if (payload.size() > limits.payload_bytes) {
    return tl::unexpected(Rejection{ReasonCode::kTooLarge,
                                    "the payload is larger than " + std::to_string(limits.payload_bytes) + " bytes"});
  }
  // Without exceptions: a discarded value stands for text that is not JSON (or not UTF-8).
  const Json document = Json::parse(payload, nullptr, false);
  if (document.is_discarded()) return tl::unexpected(Rejection{ReasonCode::kPayloadInvalid, "the payload is not JSON"});
  std::optional<Rejection> fault;
  Request request = read_request(operation, document, limits, fault);
  if (fault) return tl::unexpected(*std::move(fault));
  return request;
}

std::string request_id_of(std::string_view payload, const RequestLimits& limits) {
  if (payload.size() > limits.payload_bytes) return {};
  const Json document = Json::parse(payload, nullptr, false);
  const auto* id =
      document.is_object() && document.contains("id") ? document["id"].get_ptr<const std::string*>() : nullptr;
  return id != nullptr && is_request_id(*id) ? *id : std::string();
}

}  // namespace linnet::daemon
