#include "runtime/mqtt/topics.h"

#include <mosquitto.h>

#include <algorithm>

namespace linnet::mqtt {
namespace {

constexpr std::size_t kLongestId = 63;
constexpr std::string_view kSchemaVersion = "1";

// Cuts the level before the next slash off `rest`.
std::string_view next_level(std::string_view& rest) {
  const auto slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return level;
}

std::string group_prefix(const DeviceAddress& address) {
  return address.root + "/" + std::string(kSchemaVersion) + "/" + address.group + "/";
}

}  // namespace

bool is_topic_id(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= kLongestId && std::all_of(text.begin(), text.end(), allowed);
}

Result<void> check_address(const DeviceAddress& address) {
  const std::pair<const char*, const std::string*> parts[] = {
      {"root", &address.root}, {"group", &address.group}, {"node", &address.node}};
  for (const auto& [name, value] : parts) {
    if (is_topic_id(*value)) continue;
    return fail(ErrorKind::kUsage, std::string(name) + " '" + *value + "': 1 to 63 of a-z, 0-9, '_' and '-'");
  }
  if (address.node == kPoolNode) return fail(ErrorKind::kUsage, "a node cannot be called 'pool': the name is reserved");
  return {};
}

std::string device_topic(const DeviceAddress& address, std::string_view tail) {
  return group_prefix(address) + address.node + "/" + std::string(tail);
}

std::string request_filter(const DeviceAddress& address) { return device_topic(address, "req/+/+"); }

std::string pool_filter(const DeviceAddress& address, std::string_view pool, std::string_view model) {
  return "$share/" + std::string(pool) + "/" + group_prefix(address) + std::string(kPoolNode) + "/" +
         std::string(model) + "/+/infer";
}

std::optional<RequestTopic> parse_request_topic(const DeviceAddress& address, std::string_view topic) {
  const std::string prefix = group_prefix(address);
  if (!topic.starts_with(prefix) || topic.ends_with('/')) return std::nullopt;
  std::string_view rest = topic.substr(prefix.size());
  const std::string_view node = next_level(rest);
  RequestTopic parsed;
  if (node == kPoolNode) {
    parsed.pool_model = next_level(rest);
    if (!is_topic_id(parsed.pool_model)) return std::nullopt;
  } else if (node != address.node || next_level(rest) != "req") {
    return std::nullopt;
  }
  parsed.who = next_level(rest);
  parsed.operation = next_level(rest);
  // Whatever the operation is called, its sender is told that there is none of that name.
  if (!rest.empty() || !is_topic_id(parsed.who) || parsed.operation.empty()) return std::nullopt;
  return parsed;
}

std::optional<DeviceTopic> parse_device_topic(const DeviceAddress& address, std::string_view topic) {
  const std::string prefix = group_prefix(address);
  if (!topic.starts_with(prefix)) return std::nullopt;
  std::string_view rest = topic.substr(prefix.size());
  const std::string_view node = next_level(rest);
  if (!is_topic_id(node) || rest.empty()) return std::nullopt;
  return DeviceTopic{node, rest};
}

std::string default_reply_topic(const DeviceAddress& address, std::string_view who, std::string_view id) {
  return device_topic(address, "rsp/" + std::string(who) + "/" + std::string(id));
}

bool can_be_published(std::string_view topic) {
  return !topic.empty() && topic.size() <= kLongestTopic &&
         static_cast<std::size_t>(std::ranges::count(topic, '/')) < kMostLevels &&
         topic.find_first_of("+#") == std::string_view::npos &&
         mosquitto_validate_utf8(topic.data(), static_cast<int>(topic.size())) == MOSQ_ERR_SUCCESS;
}

bool may_reply_to(const DeviceAddress& address, std::string_view who, std::string_view topic,
                  std::string_view allowed_prefix) {
  if (!can_be_published(topic)) return false;
  const std::string own = device_topic(address, "rsp/" + std::string(who) + "/");
  const auto below = [topic](std::string_view prefix) {
    return topic.starts_with(prefix) && topic.size() > prefix.size();
  };
  return below(own) || (!allowed_prefix.empty() && below(allowed_prefix));
}

}  // namespace linnet::mqtt
