// The device on its broker: one persistent session for commands and answers, one clean session for pool work.
//
// A broker keeps QoS 1 messages for a persistent session while it is away, and gives pool work to members that are not
// there; so pool work comes through a session that ends with its connection (docs/mqtt.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/daemon/mqtt_session.h"
#include "runtime/daemon/service.h"
#include "runtime/daemon/topics.h"

namespace linnet::daemon {

// Called on the sessions' threads.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_online() = 0;  // Connected and announced: publish what is retained.
  virtual void on_request(const IncomingMessage& message) = 0;
  virtual void on_acknowledged(int token, bool accepted) = 0;
  virtual void on_turned() = 0;  // Acknowledgements of requests seen in the turn before have left.
};

struct LinkOptions {
  MqttOptions mqtt;
  DeviceAddress address;
  std::string pool;  // Empty: no pool work.
  std::vector<std::string> pool_models;
};

class BrokerLink final : public Publisher {
 public:
  // `next_epoch` gives a larger number each time: one a connection. `events` outlives the link. Errors: those of
  // MqttSession::create.
  [[nodiscard]] static Result<std::unique_ptr<BrokerLink>> create(LinkOptions options,
                                                                  std::function<std::uint64_t()> next_epoch,
                                                                  LinkEvents& events);
  ~BrokerLink() override;

  void start();
  // Says "offline" and disconnects.
  void stop();

  // Through the control session. `retained` topics are the caller's to send again in on_online().
  Result<int> publish(const OutgoingMessage& message) override;

  // Subscribes to the pool, or leaves it.
  void take_pool_work(bool wanted);

  [[nodiscard]] MqttStatus status() const { return control_.session->status(); }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  // When the network threads last turned: the older of both.
  [[nodiscard]] Clock::time_point last_tick() const;

 private:
  struct Control final : MqttListener {
    explicit Control(BrokerLink& l) : link(l) {}
    void on_connected() override { link.come_online(); }
    void on_disconnected() override { link.prepare_connection(); }
    void on_message(const IncomingMessage& message) override { link.events_.on_request(message); }
    void on_acknowledged(int token, bool accepted) override { link.events_.on_acknowledged(token, accepted); }
    void on_turned() override { link.events_.on_turned(); }
    BrokerLink& link;
    std::unique_ptr<MqttSession> session;
  };
  struct Pool final : MqttListener {
    explicit Pool(BrokerLink& l) : link(l) {}
    void on_connected() override { link.join_pool(); }
    void on_disconnected() override {}
    void on_message(const IncomingMessage& message) override { link.events_.on_request(message); }
    void on_acknowledged(int, bool) override {}
    BrokerLink& link;
    std::unique_ptr<MqttSession> session;  // Null: no pool is configured.
  };

  BrokerLink(LinkOptions options, std::function<std::uint64_t()> next_epoch, LinkEvents& events);
  Result<void> open_sessions();
  void prepare_connection();
  void come_online();
  void say(std::string_view state);
  void join_pool();

  LinkOptions options_;
  std::function<std::uint64_t()> next_epoch_;
  LinkEvents& events_;
  std::atomic<std::uint64_t> epoch_{0};
  std::string avail_topic_;
  std::mutex pool_mutex_;
  bool pool_wanted_ = true;
  Control control_;
  Pool pool_;
};

}  // namespace linnet::daemon
