#include "runtime/cli/ctl/request_text.h"

#include <chrono>
#include <random>

#include "runtime/cli/json_writer.h"

namespace linnet::cli::ctl {
namespace {

std::string finished(JsonWriter& json) {
  std::string text = json.line();
  text.pop_back();  // The newline.
  return text;
}

JsonWriter begun(std::string_view id) {
  JsonWriter json;
  json.begin_object().member("id", id);
  return json;
}

template <class T>
void add(JsonWriter& json, std::string_view name, const std::optional<T>& value) {
  if (value) json.member(name, *value);
}

void add(JsonWriter& json, std::string_view name, const std::string& text) {
  if (!text.empty()) json.member(name, text);
}

void add_turns(JsonWriter& json, const InferAction& action, const std::string& prompt) {
  if (action.system.empty()) {
    json.member("prompt", prompt);
    return;
  }
  json.key("messages").begin_array();
  json.begin_object().member("role", "system").member("content", action.system).end_object();
  json.begin_object().member("role", "user").member("content", prompt).end_object();
  json.end_array();
}

void add_arguments(JsonWriter& json, const InferAction& action, const std::string& schema) {
  add(json, "model", action.model);
  add(json, "max_tokens", action.max_tokens);
  add(json, "temperature", action.temperature);
  add(json, "top_k", action.top_k);
  add(json, "top_p", action.top_p);
  add(json, "min_p", action.min_p);
  add(json, "repeat_penalty", action.repeat_penalty);
  add(json, "seed", action.seed);
  add(json, "response", action.response);
  add(json, "reasoning", action.reasoning);
  add(json, "max_reasoning_tokens", action.max_reasoning_tokens);
  if (!schema.empty()) json.key("schema").json(schema);
  if (action.stop.empty()) return;
  json.key("stop").begin_array();
  for (const std::string& text : action.stop) json.value(text);
  json.end_array();
}

}  // namespace

std::string fresh_id() {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  std::string id(26, '0');
  for (std::size_t i = 10; i-- > 0; time >>= 5) id[i] = kDigits[time & 31];
  std::random_device random;
  for (std::size_t i = 10; i < id.size(); ++i) id[i] = kDigits[random() & 31];
  return id;
}

RequestText infer_text(std::string_view id, const InferAction& action, const std::string& prompt,
                       const std::string& schema) {
  JsonWriter json = begun(id);
  json.key("args").begin_object();
  add_turns(json, action, prompt);
  add_arguments(json, action, schema);
  json.end_object();
  if (action.deadline_s) json.member("deadline_ms", static_cast<std::uint64_t>(*action.deadline_s * 1000));
  json.member("stream", action.stream);
  add(json, "prio", action.priority);
  if (action.durable) json.member("durable", true);
  json.end_object();
  return {"infer", finished(json)};
}

RequestText inspect_text(std::string_view id, const InspectAction& action) {
  JsonWriter json = begun(id);
  json.end_object();
  return {action.operation, finished(json)};
}

RequestText cancel_text(std::string_view id, std::string_view target) {
  JsonWriter json = begun(id);
  json.key("args").begin_object().member("id", target).end_object().end_object();
  return {"cancel", finished(json)};
}

RequestText replay_text(std::string_view id, std::string_view target, std::uint64_t from) {
  JsonWriter json = begun(id);
  json.key("args").begin_object().member("id", target).member("from_seq", from).end_object().end_object();
  return {"replay", finished(json)};
}

RequestText model_text(std::string_view id, const ModelAction& action) {
  JsonWriter json = begun(id);
  json.key("args").begin_object().member("model", action.model).end_object().end_object();
  return {action.operation, finished(json)};
}

RequestText gpio_text(std::string_view id, const GpioAction& action) {
  JsonWriter json = begun(id);
  json.key("args").begin_object().member("line", action.line);
  add(json, "active", action.active);
  json.end_object().end_object();
  return {"gpio", finished(json)};
}

}  // namespace linnet::cli::ctl
