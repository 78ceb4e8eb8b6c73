// The daemon's names for its side of the broker (runtime/mqtt).
#pragma once

#include "runtime/mqtt/session.h"

namespace linnet::daemon {

using mqtt::IncomingMessage;
using mqtt::OutgoingMessage;
using MqttLibrary = mqtt::Library;
using MqttListener = mqtt::Listener;
using MqttOptions = mqtt::Options;
using MqttSession = mqtt::Session;
using MqttStatus = mqtt::Status;
using MqttTls = mqtt::Tls;
using MqttWill = mqtt::Will;

}  // namespace linnet::daemon
