// The client's connection to the broker, as a queue of events that one thread waits for together with Ctrl-C.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/cli/ctl/client_config.h"
#include "runtime/cli/interrupt.h"
#include "runtime/mqtt/session.h"

namespace linnet::cli::ctl {

struct Connected {};     // The subscriptions are made.
struct Disconnected {};  // It connects again by itself.
struct Refused {         // The broker does not let this client publish or subscribe.
  std::string what;
};
struct Arrived {
  std::string topic;
  std::string payload;
  std::string correlation;
  std::string epoch;
  bool retained = false;
};
using LinkEvent = std::variant<Connected, Disconnected, Refused, Arrived>;

class Link final : private mqtt::Listener {
 public:
  // Connects; subscribes to `filters` after each connection. Returns once it is connected. Errors: kIo (nobody there,
  // TLS), kDenied (the broker refuses), kInterrupted, kUsage.
  [[nodiscard]] static Result<std::unique_ptr<Link>> open(const Endpoint& endpoint, std::vector<std::string> filters,
                                                          const StopRequest& stop);
  ~Link() override;

  // QoS 1. While disconnected nothing is sent and false is returned: the event Connected asks for it again.
  bool publish(const mqtt::OutgoingMessage& message);

  // The next event; nothing at `until`, or at once while a stop is requested.
  [[nodiscard]] std::optional<LinkEvent> wait(Clock::time_point until);

 private:
  Link(std::vector<std::string> filters, const StopRequest& stop);
  [[nodiscard]] Result<void> await_connection();
  void put(LinkEvent event);
  [[nodiscard]] std::optional<LinkEvent> take();

  void on_connected() override;
  void on_disconnected() override { put(Disconnected{}); }
  void on_message(const mqtt::IncomingMessage& message) override;
  void on_acknowledged(int token, bool accepted) override;
  void on_subscribed(bool accepted) override;

  std::vector<std::string> filters_;
  StopRequest stop_;
  int wake_;  // eventfd: something is in the inbox.
  std::mutex mutex_;
  std::deque<LinkEvent> inbox_;
  mqtt::Library library_;
  std::unique_ptr<mqtt::Session> session_;
};

}  // namespace linnet::cli::ctl
