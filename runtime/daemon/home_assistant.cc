#include "runtime/daemon/home_assistant.h"

#include <array>

#include "runtime/daemon/messages.h"

namespace linnet::daemon {
namespace {

struct Sensor {
  const char* key;
  const char* name;
  const char* figure;
  const char* unit;
  const char* device_class;  // Or empty.
};

constexpr std::array kSensors = {
    Sensor{"tps", "Tokens a second", "tokens_per_second", "tok/s", ""},
    Sensor{"queue", "Queue", "queue", "requests", ""},
    Sensor{"first_token", "First token p95", "first_token_p95_ms", "ms", "duration"},
    Sensor{"temperature", "Temperature", "temperature_c", "°C", "temperature"},
    Sensor{"power", "Power", "power_w", "W", "power"},
};

void append_text(std::string& out, std::string_view key, std::string_view text) {
  if (out.back() != '{') out.push_back(',');
  append_json_string(out, key);
  out.push_back(':');
  append_json_string(out, text);
}

void append_sensor(std::string& out, const Sensor& sensor, const std::string& device, const std::string& health) {
  append_json_string(out, sensor.key);
  out.append(":{");
  append_text(out, "p", "sensor");
  append_text(out, "name", sensor.name);
  append_text(out, "unique_id", device + "_" + sensor.key);
  append_text(out, "stat_t", health);
  append_text(out, "val_tpl", std::string("{{ value_json.figures.") + sensor.figure + " | default(none) }}");
  append_text(out, "unit_of_meas", sensor.unit);
  append_text(out, "stat_cla", "measurement");
  if (*sensor.device_class != '\0') append_text(out, "dev_cla", sensor.device_class);
  out.push_back('}');
}

std::string device_id(const DeviceAddress& address) { return "linnet_" + address.group + "_" + address.node; }

}  // namespace

std::string discovery_topic(const DeviceAddress& address) {
  return "homeassistant/device/" + device_id(address) + "/config";
}

void write_discovery(std::string& out, const DeviceAddress& address, std::string_view display_name,
                     std::string_view board) {
  const std::string device = device_id(address);
  out.assign(R"({"dev":{"ids":[)");
  append_json_string(out, device);
  out.push_back(']');
  append_text(out, "name", display_name);
  append_text(out, "mdl", board);
  append_text(out, "sw", LINNET_VERSION);
  out.append("},\"o\":{");
  append_text(out, "name", "linnet");
  append_text(out, "sw", LINNET_VERSION);
  out.append("},\"avty\":[{");
  append_text(out, "t", device_topic(address, "avail"));
  out.append("}],\"cmps\":{");
  const std::string health = device_topic(address, "health");
  for (const Sensor& sensor : kSensors) {
    if (out.back() != '{') out.push_back(',');
    append_sensor(out, sensor, device, health);
  }
  out.append("}}");
}

}  // namespace linnet::daemon
