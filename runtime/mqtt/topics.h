// The topic tree: `linnet/1/{group}/{node}/…` and `linnet/1/{group}/pool/{model}/{who}/infer` (docs/mqtt.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::mqtt {

inline constexpr std::string_view kPoolNode = "pool";  // Reserved: no node may be called so.

// What a device is called on the broker. `root` is "linnet" unless configured; ids match [a-z0-9_-]{1,63}.
struct DeviceAddress {
  std::string root = "linnet";
  std::string group = "default";
  std::string node;
};

// Whether `text` is an id as topics allow it.
[[nodiscard]] bool is_topic_id(std::string_view text);

// Errors: kUsage, naming the part that is not an id.
[[nodiscard]] Result<void> check_address(const DeviceAddress& address);

// "linnet/1/{group}/{node}/" + tail.
[[nodiscard]] std::string device_topic(const DeviceAddress& address, std::string_view tail);

// What the device subscribes to: its commands, and its pools (shared among the pool's members).
[[nodiscard]] std::string request_filter(const DeviceAddress& address);
[[nodiscard]] std::string pool_filter(const DeviceAddress& address, std::string_view pool, std::string_view model);

// A command's topic, taken apart. Views into the topic.
struct RequestTopic {
  std::string_view who;
  std::string_view operation;
  std::string_view pool_model;  // Empty for a command to this node.
};

// Nothing where the topic is not a command to this device or its group's pool.
[[nodiscard]] std::optional<RequestTopic> parse_request_topic(const DeviceAddress& address, std::string_view topic);

// What a device says of itself: the topic's levels below root, version and group. Views into the topic.
struct DeviceTopic {
  std::string_view node;
  std::string_view tail;
};

// Nothing where it is not of the root and group of `address`, whose node does not matter.
[[nodiscard]] std::optional<DeviceTopic> parse_device_topic(const DeviceAddress& address, std::string_view topic);

// Where the answers to `who` go unless it asked for another place: ".../rsp/{who}/{correlation}".
[[nodiscard]] std::string default_reply_topic(const DeviceAddress& address, std::string_view who, std::string_view id);

// Whether a broker takes a message for it: brokers end the connection of who publishes elsewhere (mosquitto: from 200
// levels on), and a request that made the device do that would come again with each connection. At most
// kLongestTopic bytes in kMostLevels levels, UTF-8 without control characters, no wildcards.
[[nodiscard]] bool can_be_published(std::string_view topic);
inline constexpr std::size_t kLongestTopic = 1024;
inline constexpr std::size_t kMostLevels = 32;

// Whether `who` may have its answers sent to `topic`: below its own rsp folder, or below a configured prefix, and
// can_be_published().
[[nodiscard]] bool may_reply_to(const DeviceAddress& address, std::string_view who, std::string_view topic,
                                std::string_view allowed_prefix);

}  // namespace linnet::mqtt
