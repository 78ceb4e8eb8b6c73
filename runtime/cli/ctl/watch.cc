// `linnet ctl watch`: a device live, a full screen on a terminal and a line a snapshot elsewhere.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/cli/ctl/actions.h"
#include "runtime/cli/ctl/link.h"
#include "runtime/cli/ctl/reply.h"
#include "runtime/cli/ctl/request_text.h"
#include "runtime/cli/ctl/watch_state.h"

namespace linnet::cli::ctl {
namespace {

constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";

// The terminal's other screen while it lives, so that what was there before comes back.
class FullScreen {
 public:
  explicit FullScreen(Console& console) : console_(console) { (void)console_.print(kEnterScreen); }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
  ~FullScreen() { (void)console_.print(kLeaveScreen); }

  // One write, each line cleared to its end: no flicker.
  Result<void> show(const WatchState& state) {
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    std::string text = "\x1b[H";
    const auto lines = state.screen(known ? size.ws_col : 80, known ? size.ws_row : 24);
    for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
    return console_.print(text + "\x1b[J");
  }

 private:
  Console& console_;
};

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
      if (screen_) LINNET_CHECK(screen_->show(state_));
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
    return screen_ ? screen_->show(state_) : console_.print(state_.line() + "\n");
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

Result<void> perform(const WatchAction& action, const CtlOptions& options, Console& console) {
  LINNET_TRY(const Endpoint endpoint, resolve_endpoint(options));
  if (endpoint.device.node.empty()) return fail(ErrorKind::kUsage, "no device is named: give --node");
  return Watch(endpoint, action, options.json, console).run();
}

}  // namespace linnet::cli::ctl
