#include "runtime/daemon/broker_link.h"

#include <algorithm>
#include <utility>

#include "runtime/daemon/log.h"

namespace linnet::daemon {

BrokerLink::BrokerLink(LinkOptions options, std::function<std::uint64_t()> next_epoch, LinkEvents& events)
    : options_(std::move(options)),
      next_epoch_(std::move(next_epoch)),
      events_(events),
      avail_topic_(device_topic(options_.address, "avail")),
      control_(*this),
      pool_(*this) {}

BrokerLink::~BrokerLink() = default;

Result<std::unique_ptr<BrokerLink>> BrokerLink::create(LinkOptions options, std::function<std::uint64_t()> next_epoch,
                                                       LinkEvents& events) {
  std::unique_ptr<BrokerLink> link(new BrokerLink(std::move(options), std::move(next_epoch), events));
  LINNET_CHECK(link->open_sessions());
  return link;
}

Result<void> BrokerLink::open_sessions() {
  LINNET_TRY(control_.session, MqttSession::create(options_.mqtt, control_));
  prepare_connection();
  if (options_.pool.empty()) return {};
  MqttOptions worker = options_.mqtt;
  worker.client_id += "-pool";
  worker.persistent = false;
  LINNET_TRY(pool_.session, MqttSession::create(std::move(worker), pool_));
  return {};
}

void BrokerLink::start() {
  control_.session->start();
  if (pool_.session) pool_.session->start();
}

void BrokerLink::stop() {
  if (pool_.session) pool_.session->stop();
  say("offline");
  control_.session->stop();
}

Result<int> BrokerLink::publish(const OutgoingMessage& message) { return control_.session->publish(message); }

// The will carries the epoch of the connection that it belongs to, so that a late one does not bury a newer connection.
void BrokerLink::prepare_connection() {
  epoch_ = next_epoch_();
  MqttWill will;
  will.topic = avail_topic_;
  will.payload = "offline";
  will.epoch = std::to_string(epoch_);
  control_.session->set_will(std::move(will));
}

void BrokerLink::come_online() {
  log(LogLevel::kInfo, "connected to the broker, epoch " + std::to_string(epoch_));
  const auto subscribed = control_.session->subscribe(request_filter(options_.address), 1, true);
  if (!subscribed) log(LogLevel::kError, subscribed.error().message);
  say("online");
  events_.on_online();
}

void BrokerLink::say(std::string_view state) {
  const std::string epoch = std::to_string(epoch_);
  OutgoingMessage message;
  message.topic = avail_topic_;
  message.payload = state;
  message.qos = 1;
  message.retain = true;
  message.content_type = "text/plain";
  message.epoch = epoch;
  // Not connected: the broker has sent the will, or does so.
  (void)control_.session->publish(message);
}

void BrokerLink::join_pool() {
  const std::lock_guard lock(pool_mutex_);
  if (!pool_wanted_) return;
  for (const std::string& model : options_.pool_models) {
    const auto joined = pool_.session->subscribe(pool_filter(options_.address, options_.pool, model), 1, false);
    if (!joined) log(LogLevel::kError, joined.error().message);
  }
}

void BrokerLink::take_pool_work(bool wanted) {
  if (!pool_.session) return;
  {
    const std::lock_guard lock(pool_mutex_);
    if (wanted == pool_wanted_) return;
    pool_wanted_ = wanted;
    for (const std::string& model : options_.pool_models) {
      if (!wanted) (void)pool_.session->unsubscribe(pool_filter(options_.address, options_.pool, model));
    }
  }
  log(LogLevel::kNotice, wanted ? "back in the pool" : "left the pool: the queue is full, or nothing can be kept");
  if (wanted) join_pool();
}

Clock::time_point BrokerLink::last_tick() const {
  const auto control = control_.session->status().last_tick;
  return pool_.session ? std::min(control, pool_.session->status().last_tick) : control;
}

}  // namespace linnet::daemon
