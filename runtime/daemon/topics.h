// The daemon's names for the topic tree (runtime/mqtt/topics.h).
#pragma once

#include "runtime/mqtt/topics.h"

namespace linnet::daemon {

using mqtt::check_address;
using mqtt::default_reply_topic;
using mqtt::device_topic;
using mqtt::DeviceAddress;
using mqtt::is_topic_id;
using mqtt::kPoolNode;
using mqtt::may_reply_to;
using mqtt::parse_request_topic;
using mqtt::pool_filter;
using mqtt::request_filter;
using mqtt::RequestTopic;

}  // namespace linnet::daemon
