#include "runtime/cli/ctl/call.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/cli/ctl/link.h"
#include "runtime/cli/ctl/report.h"

namespace linnet::cli::ctl {
namespace {

constexpr std::chrono::seconds kCancelTime{5};  // For the outcome after Ctrl-C.

// The level of a topic below "{root}/1/{group}/", and what follows it.
std::pair<std::string_view, std::string_view> node_of(const Endpoint& endpoint, std::string_view topic) {
  const std::size_t prefix = mqtt::device_topic({endpoint.device.root, endpoint.device.group, "n"}, "").size() - 2;
  if (topic.size() < prefix) return {};
  topic.remove_prefix(prefix);
  const auto slash = topic.find('/');
  if (slash == std::string_view::npos) return {};
  return {topic.substr(0, slash), topic.substr(slash + 1)};
}

// `epoch` of a will or a birth, or nothing.
std::optional<std::uint64_t> parse_epoch(std::string_view text) {
  std::uint64_t epoch = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (text.empty() || status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return epoch;
}

class Call {
 public:
  Call(const Endpoint& endpoint, const CallOptions& options, Console& console, const TextSink& sink)
      : endpoint_(endpoint),
        options_(options),
        console_(console),
        sink_(sink),
        exchange_(options.id, options.limits),
        give_up_(Clock::now() + options.time) {}

  Result<Reply> run() {
    LINNET_TRY(link_, Link::open(endpoint_, filters(), stop_request()));
    while (!exchange_.end()) {
      const auto event = link_->wait(std::min(exchange_.wake_at(), give_up_));
      if (console_.stop_requested()) LINNET_CHECK(on_interrupt());
      if (event) LINNET_CHECK(std::visit([this](const auto& e) { return on(e); }, *event));
      LINNET_CHECK(carry_out(exchange_.on_time(Clock::now())));
      if (!exchange_.end() && Clock::now() >= give_up_) return too_late();
    }
    if (cancelling_ && exchange_.end()->status != "done") return interrupted();
    return *exchange_.end();
  }

 private:
  [[nodiscard]] bool to_pool() const { return !options_.pool.empty(); }
  [[nodiscard]] StopRequest stop_request() const { return console_.stop_source(); }

  // Where the answers come to. The one of a pool is whichever member's.
  [[nodiscard]] std::string tail() const { return "rsp/" + endpoint_.who + "/" + exchange_.id(); }
  [[nodiscard]] mqtt::DeviceAddress address_of(std::string_view node) const {
    return {endpoint_.device.root, endpoint_.device.group, std::string(node)};
  }
  [[nodiscard]] std::vector<std::string> filters() const {
    const mqtt::DeviceAddress whose = address_of(to_pool() ? "+" : endpoint_.device.node);
    return {mqtt::device_topic(whose, tail()), mqtt::device_topic(whose, "avail"), mqtt::device_topic(whose, "birth")};
  }

  Result<void> on(const Connected&) { return carry_out(exchange_.on_connected(Clock::now())); }
  Result<void> on(const Disconnected&) {
    console_.note("linnet: the connection to the broker is lost; connecting again");
    return {};
  }
  Result<void> on(const Refused& refused) { return fail(ErrorKind::kDenied, refused.what); }

  Result<void> on(const Arrived& message) {
    const auto [node, tail_of_topic] = node_of(endpoint_, message.topic);
    const auto now = Clock::now();
    if (tail_of_topic == "avail") {
      if (node == endpoint_.device.node)
        presence_ = message.payload == "online" ? Presence::kOnline : Presence::kOffline;
      return carry_out(exchange_.on_presence(node, message.payload == "online", parse_epoch(message.epoch), now));
    }
    if (tail_of_topic == "birth") {
      return carry_out(exchange_.on_presence(node, true, parse_epoch(epoch_of_birth(message.payload)), now));
    }
    const auto reply = parse_reply(message.payload);
    const bool mine =
        reply && message.correlation == exchange_.id() &&
        (reply->id.empty() || reply->id == exchange_.id() || (!options_.about.empty() && reply->id == options_.about));
    if (!mine) return {};  // About a cancel or a replay of ours, or no answer at all.
    show_reasoning(*reply);
    return carry_out(exchange_.on_reply(node, *reply, now));
  }

  // As it comes; what a replay brings again was shown.
  void show_reasoning(const Reply& reply) {
    if (!options_.shows_reasoning || reply.kind != Reply::Kind::kChunk || reply.sequence < next_thought_) return;
    next_thought_ = reply.sequence + 1;
    if (!reply.reasoning.empty()) console_.draw(printable(reply.reasoning));
    if (reply.reasoning.empty() && std::exchange(thinking_, false)) console_.draw("\n\n");
    thinking_ = thinking_ || !reply.reasoning.empty();
  }

  // A person shall not sit before nothing: who does not answer is named once.
  void note_silence(const ExchangeStep& step) {
    if (step.send != ExchangeStep::Send::kToFirst || ++sent_ != 2) return;
    console_.note("linnet: " + silence() + "; it is asked again");
  }

  [[nodiscard]] std::string silence() const {
    if (to_pool()) return "no device of the pool '" + options_.pool + "' has accepted the request yet";
    const std::string& node = endpoint_.device.node;
    if (presence_ == Presence::kOffline) return node + " is offline";
    if (presence_ == Presence::kOnline) return node + " has not accepted the request yet";
    return "this broker has never heard of a device '" + node + "' in the group '" + endpoint_.device.group + "'";
  }

  Result<void> carry_out(const ExchangeStep& step) {
    note_silence(step);
    if (step.send == ExchangeStep::Send::kToFirst && to_pool()) publish_to_pool();
    if (step.send == ExchangeStep::Send::kToFirst && !to_pool()) publish(endpoint_.device.node, options_.request);
    if (step.send == ExchangeStep::Send::kToMember) publish(exchange_.member(), options_.request);
    if (step.replay_from) {
      const std::string& about = options_.about.empty() ? exchange_.id() : options_.about;
      publish(exchange_.member(), replay_text(fresh_id(), about, *step.replay_from));
    }
    if (step.text.empty() && !step.restarted) return {};
    return sink_(step.text, step.restarted);
  }

  void publish(const std::string& node, const RequestText& request) {
    const mqtt::DeviceAddress device = address_of(node);
    send(mqtt::device_topic(device, "req/" + endpoint_.who + "/" + request.operation), request.payload,
         mqtt::device_topic(device, tail()));
  }

  // Without a Response Topic: the requester cannot know the member that will answer.
  void publish_to_pool() {
    send(mqtt::device_topic(address_of(mqtt::kPoolNode), options_.pool + "/" + endpoint_.who + "/infer"),
         options_.request.payload, "");
  }

  // What cannot be sent is sent again once there is a connection: the exchange asks for it on Connected.
  void send(const std::string& topic, const std::string& payload, const std::string& response_topic) {
    mqtt::OutgoingMessage message;
    message.topic = topic;
    message.payload = payload;
    message.qos = 1;
    message.response_topic = response_topic;
    message.correlation = exchange_.id();
    message.expiry = options_.expiry;
    (void)link_->publish(message);
  }

  // The first time: cancel and go on to the outcome. The second time: enough.
  Result<void> on_interrupt() {
    const std::string& node = to_pool() ? exchange_.member() : endpoint_.device.node;
    if (cancelling_ || node.empty()) return interrupted();
    forget_interrupts();
    cancelling_ = true;
    give_up_ = Clock::now() + kCancelTime;
    publish(node, cancel_text(fresh_id(), exchange_.id()));
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> too_late() const {
    if (cancelling_) return interrupted();
    const std::string state = exchange_.member().empty() ? silence() : "there is no outcome yet";
    return fail(ErrorKind::kIo, state + ": gave up after " + std::to_string(options_.time.count() / 1000) +
                                    " s; its id is " + exchange_.id());
  }

  const Endpoint& endpoint_;
  const CallOptions& options_;
  Console& console_;
  const TextSink& sink_;
  Exchange exchange_;
  Clock::time_point give_up_;
  std::unique_ptr<Link> link_;
  bool cancelling_ = false;
  enum class Presence : std::uint8_t { kUnknown, kOnline, kOffline } presence_ = Presence::kUnknown;
  std::uint64_t sent_ = 0;
  std::uint64_t next_thought_ = 0;
  bool thinking_ = false;
};

}  // namespace

Result<Reply> call(const Endpoint& endpoint, const CallOptions& options, Console& console, const TextSink& sink) {
  if (options.pool.empty() && endpoint.device.node.empty()) {
    return fail(ErrorKind::kUsage,
                "no device is named: give --node, LINNET_CTL_NODE or `node` in the file of settings");
  }
  return Call(endpoint, options, console, sink).run();
}

}  // namespace linnet::cli::ctl
