// `linnet ctl watch` of one device: a full screen on a terminal, a line a snapshot elsewhere.
#include "runtime/cli/ctl/actions.h"
#include "runtime/cli/ctl/full_screen.h"
#include "runtime/cli/ctl/link.h"
#include "runtime/cli/ctl/reply.h"
#include "runtime/cli/ctl/request_text.h"
#include "runtime/cli/ctl/watch_fleet.h"
#include "runtime/cli/ctl/watch_state.h"

namespace linnet::cli::ctl {
namespace {

class Watch {
 public:
  Watch(const Endpoint& endpoint, const WatchAction& action, bool json, Console& console)
      : endpoint_(endpoint), action_(action), json_(json), console_(console), state_(endpoint.device.node) {}

  Result<void> run() {
    LINNET_TRY(link_, Link::open(endpoint_, filters(), console_.stop_source()));
    if (console_.output_is_terminal() && !action_.plain && !json_) screen_.emplace(console_);
    const auto period = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(action_.period_s));
    auto next = Clock::now();
    while (!console_.stop_requested() && (action_.count == 0 || shown_ < action_.count)) {
      if (const auto event = link_->wait(next)) {
        LINNET_CHECK(std::visit([this](const auto& e) { return on(e); }, *event));
        continue;
      }
      if (console_.stop_requested()) break;
      ask();
      next = Clock::now() + period;
      if (screen_) LINNET_CHECK(show());
    }
    // Ctrl-C is how a watch ends.
    return {};
  }

 private:
  [[nodiscard]] std::vector<std::string> filters() const {
    std::vector<std::string> list;
    for (const char* tail : {"avail", "birth", "health", "event/+"}) list.push_back(topic(tail));
    list.push_back(reply_topic());
    return list;
  }
  [[nodiscard]] std::string topic(const std::string& tail) const { return mqtt::device_topic(endpoint_.device, tail); }
  [[nodiscard]] std::string reply_topic() const { return topic("rsp/" + endpoint_.who + "/" + id_); }

  void ask() {
    mqtt::OutgoingMessage message;
    const RequestText request = inspect_text(id_, {"status"});
    const std::string target = topic("req/" + endpoint_.who + "/" + request.operation);
    const std::string answers = reply_topic();
    message.topic = target;
    message.payload = request.payload;
    message.qos = 1;
    message.response_topic = answers;
    message.correlation = id_;
    message.expiry = std::chrono::seconds(5);
    (void)link_->publish(message);
  }

  Result<void> on(const Connected&) { return state_.on_connection(true), Result<void>(); }
  Result<void> on(const Disconnected&) { return state_.on_connection(false), Result<void>(); }
  Result<void> on(const Refused& refused) { return state_.on_refusal(refused.what), Result<void>(); }

  Result<void> on(const Arrived& message) {
    const std::string_view tail = std::string_view(message.topic).substr(topic("").size());
    if (tail == "avail") state_.on_avail(message.payload);
    if (tail == "birth") state_.on_birth(message.payload);
    if (tail == "health") return on_snapshot(message.payload);
    if (tail.starts_with("event/")) state_.on_event(tail.substr(6), message.payload);
    if (!tail.starts_with("rsp/")) return {};
    const auto reply = parse_reply(message.payload);
    if (!reply) return {};
    if (reply->status == "done") return on_snapshot(reply->result);
    state_.on_refusal(reply->reason);
    return {};
  }

  Result<void> on_snapshot(const std::string& json) {
    state_.on_figures(json);
    ++shown_;
    if (json_) return console_.print(json + "\n");
    return screen_ ? show() : console_.print(state_.line() + "\n");
  }

  Result<void> show() {
    return screen_->show([this](std::size_t columns, std::size_t rows) { return state_.screen(columns, rows); });
  }

  const Endpoint& endpoint_;
  const WatchAction& action_;
  bool json_;
  Console& console_;
  WatchState state_;
  std::string id_ = fresh_id();
  std::unique_ptr<Link> link_;
  std::optional<FullScreen> screen_;
  std::uint64_t shown_ = 0;
};

}  // namespace

// One device closely, where one is meant; else a row each.
Result<void> perform(const WatchAction& action, const CtlOptions& options, Console& console) {
  LINNET_TRY(Endpoint endpoint, resolve_endpoint(options));
  for (const std::string& node : action.nodes) {
    LINNET_CHECK(mqtt::check_address({endpoint.device.root, endpoint.device.group, node}));
  }
  if (action.nodes.size() == 1) endpoint.device.node = action.nodes.front();
  const bool fleet = action.fleet || action.nodes.size() > 1 || endpoint.device.node.empty();
  return fleet ? watch_fleet(endpoint, action, options.json, console)
               : Watch(endpoint, action, options.json, console).run();
}

}  // namespace linnet::cli::ctl
