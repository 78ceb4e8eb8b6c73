// Fuzz target: whatever comes from the broker, topic and properties included, is ignored, refused or has one outcome;
// what is published is JSON, under the sender's own reply topic.
//
// The input is a list of messages, cut by 0x1E; a message's fields are cut by 0x1F: topic, payload, response topic,
// correlation data, expiry (decimal, or nothing), retained ("r"). The work runs after each message whose sixth field
// has no "w".
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

constexpr std::string_view kOwn = "linnet/1/home/n1/";
constexpr std::size_t kMostMessages = 32;  // A queue can fill up within them.

std::string_view cut(std::string_view& rest, char at) {
  const std::size_t end = rest.find(at);
  const std::string_view piece = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return piece;
}

std::optional<seconds> seconds_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint32_t value = 0;
  for (const char digit : text) value = value * 10 + static_cast<std::uint32_t>(digit - '0');
  return seconds(value);
}

ServiceOptions options() {
  ServiceOptions options;
  options.address = {"linnet", "home", "n1"};
  options.boot_id = "boot-1";
  options.roles.assign("alice", Role::kOperator);
  options.roles.assign("bob", Role::kRequester);
  options.roles.assign("eve", Role::kViewer);
  options.admission.waiting = 4;
  return options;
}

class Device {
 public:
  void receive(std::string_view text) {
    IncomingMessage message;
    message.topic = cut(text, '\x1f');
    message.payload = cut(text, '\x1f');
    message.response_topic = cut(text, '\x1f');
    message.correlation = cut(text, '\x1f');
    message.expiry = seconds_of(cut(text, '\x1f'));
    message.retained = text.find('r') != std::string_view::npos;
    const int acts = levers_.acts;
    service_.receive(message);
    if (levers_.acts != acts) std::abort();  // Before it was kept.
    check(parse_request_topic(address_, message.topic));
    if (text.find('w') == std::string_view::npos) work();
  }

  void work() {
    while (service_.queue_depth() != 0) service_.run_next(milliseconds(0));
    service_.tick();
    for (int token = acknowledged_ + 1; token <= recorder_.last_token; ++token) service_.on_acknowledged(token, true);
    acknowledged_ = recorder_.last_token;
    check(std::nullopt);
  }

  // Nothing waits, and whatever was accepted ended.
  void check_end() const {
    for (const auto& key : accepted_) {
      if (!outcomes_.contains(key)) std::abort();
    }
  }

 private:
  using Key = std::pair<std::string, std::string>;  // Who asked, and the id.

  // What was published since: by a message of `sender`, or by the work.
  void check(const std::optional<RequestTopic>& sender) {
    for (const Sent& sent : recorder_.sent) {
      std::string_view rest = sent.topic;
      if (!rest.starts_with(kOwn) || rest.find_first_of("+#") != std::string_view::npos) std::abort();
      rest.remove_prefix(kOwn.size());
      const Json body = Json::parse(sent.bytes);  // Throws, and so ends the target, where it is none.
      if (cut(rest, '/') != "rsp") continue;
      const std::string_view who = cut(rest, '/');
      if (sender && who != sender->who) std::abort();
      note({std::string(who), body.value("id", "")}, body.value("status", ""), sent.bytes,
           sender ? sender->operation : std::string_view{});
    }
    recorder_.sent.clear();
  }

  // `operation`: of the message that is being answered; empty: none. Answers to what is not kept may take the id of
  // what is.
  void note(const Key& key, std::string_view status, const std::string& bytes, std::string_view operation) {
    constexpr std::array<std::string_view, 4> kEnds = {"done", "failed", "cancelled", "expired"};
    constexpr std::array<std::string_view, 5> kKept = {"infer", "embed", "load", "unload", "swap"};
    if (status == "accepted") accepted_.insert(key);
    if (std::ranges::find(kEnds, status) == kEnds.end()) return;
    const bool ends_another = operation == "cancel" && status == "cancelled";
    if (!operation.empty() && !ends_another && std::ranges::find(kKept, operation) == kKept.end()) return;
    const auto [known, added] = outcomes_.emplace(key, bytes);
    if (!added && known->second != bytes) std::abort();
  }

  DeviceAddress address_{"linnet", "home", "n1"};
  Recorder recorder_;
  Parrot parrot_;
  Levers levers_;
  TestClock clock_;
  int acknowledged_ = 0;
  std::set<Key> accepted_;
  std::map<Key, std::string> outcomes_;
  Service service_{options(), *Journal::open(":memory:", {}), parrot_, recorder_, levers_, clock_};
};

}  // namespace
}  // namespace linnet::daemon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  linnet::daemon::Device device;
  for (std::size_t i = 0; i < linnet::daemon::kMostMessages && !rest.empty(); ++i) {
    device.receive(linnet::daemon::cut(rest, '\x1e'));
  }
  device.work();
  device.check_end();
  return 0;
}
