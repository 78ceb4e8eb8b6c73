#include "runtime/cli/ctl/watch_fleet.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "runtime/cli/ctl/fleet_state.h"
#include "runtime/cli/ctl/full_screen.h"
#include "runtime/cli/ctl/link.h"

namespace linnet::cli::ctl {
namespace {

constexpr std::array kTails = {"avail", "birth", "health", "model/current"};
// What the broker has kept comes at once after the subscription; a first picture without it would say "unknown".
constexpr std::chrono::milliseconds kGathering{300};

class FleetWatch {
 public:
  FleetWatch(const Endpoint& endpoint, const WatchAction& action, bool json, Console& console)
      : endpoint_(endpoint),
        action_(action),
        json_(json),
        console_(console),
        state_(endpoint.device.group, action.nodes) {}

  Result<void> run() {
    LINNET_TRY(link_, Link::open(endpoint_, filters(), console_.stop_source()));
    if (console_.output_is_terminal() && !action_.plain && !json_) screen_.emplace(console_);
    const auto period = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(action_.period_s));
    auto next = Clock::now() + kGathering;
    for (std::uint64_t shown = 0; !console_.stop_requested() && (action_.count == 0 || shown < action_.count);) {
      if (const auto event = link_->wait(next)) {
        std::visit([this](const auto& e) { on(e); }, *event);
        continue;
      }
      if (console_.stop_requested()) break;
      LINNET_CHECK(show());
      ++shown;
      next = Clock::now() + period;
    }
    // Ctrl-C is how a watch ends.
    return {};
  }

 private:
  [[nodiscard]] std::vector<std::string> filters() const {
    std::vector<std::string> nodes = action_.nodes;
    if (nodes.empty()) nodes.emplace_back("+");
    std::vector<std::string> list;
    for (const std::string& node : nodes) {
      const mqtt::DeviceAddress address{endpoint_.device.root, endpoint_.device.group, node};
      for (const char* tail : kTails) list.push_back(mqtt::device_topic(address, tail));
    }
    return list;
  }

  void on(const Connected&) { state_.on_connection(true, Clock::now()); }
  void on(const Disconnected&) { state_.on_connection(false, Clock::now()); }
  void on(const Refused& refused) { state_.on_refusal(refused.what); }
  void on(const Arrived& message) {
    const auto topic = mqtt::parse_device_topic(endpoint_.device, message.topic);
    if (!topic) return;
    state_.on_told(topic->node, {.tail = topic->tail,
                                 .payload = message.payload,
                                 .epoch = message.epoch,
                                 .retained = message.retained,
                                 .at = Clock::now()});
  }

  Result<void> show() {
    const auto now = Clock::now();
    if (json_) return console_.print(state_.json(now));
    if (!screen_) return console_.print(state_.lines(now));
    return screen_->show([&](std::size_t columns, std::size_t rows) { return state_.screen(columns, rows, now); });
  }

  const Endpoint& endpoint_;
  const WatchAction& action_;
  bool json_;
  Console& console_;
  FleetState state_;
  std::unique_ptr<Link> link_;
  std::optional<FullScreen> screen_;
};

}  // namespace

Result<void> watch_fleet(const Endpoint& endpoint, const WatchAction& action, bool json, Console& console) {
  return FleetWatch(endpoint, action, json, console).run();
}

}  // namespace linnet::cli::ctl
