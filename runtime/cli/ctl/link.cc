#include "runtime/cli/ctl/link.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace linnet::cli::ctl {
namespace {

constexpr std::chrono::seconds kConnectTime{10};
constexpr std::chrono::milliseconds kConnectPoll{20};
// Messages that nobody fetched: a device that floods its client must not fill the memory.
constexpr std::size_t kLargestInbox = 65536;

}  // namespace

Link::Link(std::vector<std::string> filters, const StopRequest& stop)
    : filters_(std::move(filters)), stop_(stop), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<Link>> Link::open(const Endpoint& endpoint, std::vector<std::string> filters,
                                         const StopRequest& stop) {
  std::unique_ptr<Link> link(new Link(std::move(filters), stop));
  LINNET_TRY(link->session_, mqtt::Session::create(endpoint.mqtt, *link));
  link->session_->start();
  const auto connected = link->await_connection();
  if (connected) return link;
  const std::string& what = connected.error().message;
  if (connected.error().kind != ErrorKind::kIo || endpoint.mqtt.tls || what.starts_with("cannot connect"))
    return tl::unexpected(connected.error());
  return fail(ErrorKind::kIo, what + " A broker that wants TLS ends such connections: give --ca");
}

Link::~Link() {
  if (session_) session_->stop();
  session_.reset();
  close(wake_);
}

// The first failure ends it: whoever types a wrong host wants to know now. Later losses are waited out.
Result<void> Link::await_connection() {
  const auto until = Clock::now() + kConnectTime;
  while (Clock::now() < until && !stop_.requested) {
    const mqtt::Status status = session_->status();
    if (status.connections > 0) return {};
    if (status.refusal != 0) return fail(ErrorKind::kDenied, status.last_failure);
    if (!status.last_failure.empty()) return fail(ErrorKind::kIo, status.last_failure);
    (void)poll(nullptr, 0, static_cast<int>(kConnectPoll.count()));
  }
  if (stop_.requested) return fail(ErrorKind::kInterrupted, "interrupted");
  return fail(ErrorKind::kIo, "the broker does not answer");
}

bool Link::publish(const mqtt::OutgoingMessage& message) { return session_->publish(message).has_value(); }

std::optional<LinkEvent> Link::wait(Clock::time_point until) {
  while (true) {
    if (auto event = take()) return event;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0 || stop_.requested) return std::nullopt;
    std::array<pollfd, 2> ready{{{wake_, POLLIN, 0}, {stop_.descriptor, POLLIN, 0}}};
    (void)poll(ready.data(), ready.size(), static_cast<int>(std::min<std::int64_t>(left, 60000)));
  }
}

void Link::put(LinkEvent event) {
  {
    const std::lock_guard lock(mutex_);
    if (inbox_.size() >= kLargestInbox) inbox_.pop_front();
    inbox_.push_back(std::move(event));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

std::optional<LinkEvent> Link::take() {
  const std::lock_guard lock(mutex_);
  if (inbox_.empty()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto drained = read(wake_, &count, sizeof count);
    return std::nullopt;
  }
  LinkEvent event = std::move(inbox_.front());
  inbox_.pop_front();
  return event;
}

void Link::on_connected() {
  for (const std::string& filter : filters_) {
    if (const auto done = session_->subscribe(filter, 1, false, mqtt::RetainedFlag::kKept); !done)
      put(Refused{done.error().message});
  }
  // In order on one connection: the broker has made the subscriptions before it sees what is published after this.
  put(Connected{});
}

void Link::on_message(const mqtt::IncomingMessage& message) {
  put(Arrived{std::string(message.topic), std::string(message.payload), std::string(message.correlation),
              std::string(message.epoch), message.retained});
}

void Link::on_acknowledged(int /*token*/, bool accepted) {
  if (!accepted) put(Refused{"the broker does not let this client publish there (its access rules)"});
}

void Link::on_subscribed(bool accepted) {
  if (!accepted) put(Refused{"the broker does not let this client subscribe to the answers (its access rules)"});
}

}  // namespace linnet::cli::ctl
