// MQTT 5 properties as libmosquitto has them: lists that free themselves, and what a message carried.
#pragma once

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace linnet::mqtt {

inline constexpr const char* kEpochProperty = "epoch";

// A copy of a text with a zero at its end, as C wants it. Publishing allocates nothing of ours: topics and names are
// short, and only longer ones are copied to the heap.
class Terminated {
 public:
  explicit Terminated(std::string_view text) {
    if (text.size() >= small_.size()) large_ = text;
    if (large_.empty()) small_[text.copy(small_.data(), small_.size() - 1)] = '\0';
  }
  [[nodiscard]] const char* c_str() const { return large_.empty() ? small_.data() : large_.c_str(); }

 private:
  std::array<char, 512> small_;  // More than twice what the topic tree needs.
  std::string large_;
};

// A list of MQTT 5 properties that frees itself. Adding fails only without memory; what is missing then is a property,
// not the message.
class Properties {
 public:
  Properties() = default;
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  ~Properties() { mosquitto_property_free_all(&list_); }

  void add(int id, std::uint32_t value) { mosquitto_property_add_int32(&list_, id, value); }
  void add16(int id, std::uint16_t value) { mosquitto_property_add_int16(&list_, id, value); }
  void add_byte(int id, std::uint8_t value) { mosquitto_property_add_byte(&list_, id, value); }
  void add_text(int id, std::string_view text) { mosquitto_property_add_string(&list_, id, Terminated(text).c_str()); }
  void add_epoch(std::string_view epoch) {
    mosquitto_property_add_string_pair(&list_, MQTT_PROP_USER_PROPERTY, kEpochProperty, Terminated(epoch).c_str());
  }
  void add_binary(int id, std::string_view bytes) {
    mosquitto_property_add_binary(&list_, id, bytes.data(), static_cast<std::uint16_t>(bytes.size()));
  }

  [[nodiscard]] mosquitto_property* list() const { return list_; }
  // Gives up ownership: the will keeps its properties.
  void release() { list_ = nullptr; }

 private:
  mosquitto_property* list_ = nullptr;
};

// A property's copy, which libmosquitto allocates with malloc.
struct FreeMalloc {
  void operator()(void* memory) const { std::free(memory); }
};

// Response topic, correlation data and epoch, kept alive for the listener's call.
struct ReceivedProperties {
  explicit ReceivedProperties(const mosquitto_property* list) {
    char* text = nullptr;
    if (mosquitto_property_read_string(list, MQTT_PROP_RESPONSE_TOPIC, &text, false) != nullptr) topic.reset(text);
    void* data = nullptr;
    if (mosquitto_property_read_binary(list, MQTT_PROP_CORRELATION_DATA, &data, &size, false) != nullptr) {
      correlation.reset(static_cast<char*>(data));
    }
    std::uint32_t seconds = 0;
    if (mosquitto_property_read_int32(list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &seconds, false) != nullptr) {
      expiry = std::chrono::seconds(seconds);
    }
    read_epoch(list);
  }

  // The value of the first User Property of that name.
  void read_epoch(const mosquitto_property* list) {
    for (bool again = false; list != nullptr && !epoch; again = true) {
      char* name = nullptr;
      char* value = nullptr;
      list = mosquitto_property_read_string_pair(list, MQTT_PROP_USER_PROPERTY, &name, &value, again);
      const std::unique_ptr<char, FreeMalloc> owned_name(name);
      std::unique_ptr<char, FreeMalloc> owned_value(value);
      if (list != nullptr && std::strcmp(name, kEpochProperty) == 0) epoch = std::move(owned_value);
    }
  }

  std::unique_ptr<char, FreeMalloc> topic;
  std::unique_ptr<char, FreeMalloc> correlation;
  std::unique_ptr<char, FreeMalloc> epoch;
  std::uint16_t size = 0;
  std::optional<std::chrono::seconds> expiry;
};

}  // namespace linnet::mqtt
