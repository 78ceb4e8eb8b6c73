// What `linnet ctl watch` knows of a device, and its picture of it: no network, no terminal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cli/ctl/screen_text.h"

namespace linnet::cli::ctl {

class WatchState {
 public:
  // One request that ended, as `status` tells it.
  struct Recent {
    std::string who, id, operation, status;
    double total_ms = 0;
    double tokens = 0;
  };

  explicit WatchState(std::string node) : node_(std::move(node)) {}

  void on_avail(std::string_view payload);
  void on_birth(std::string_view payload);
  // The result of `status`, or a `health` message: figures by name. Rates come from the counters of two of them, and
  // the device's own times of both: `health` is retained, and may be old when it arrives.
  void on_figures(std::string_view json);
  void on_event(std::string_view kind, std::string_view payload);
  void on_connection(bool connected) { connected_ = connected; }
  void on_refusal(std::string_view reason);

  // One line: for pipes and logs.
  [[nodiscard]] std::string line() const;
  // A screen of at most `rows` lines of at most `columns` characters.
  [[nodiscard]] std::vector<ScreenLine> screen(std::size_t columns, std::size_t rows) const;

  [[nodiscard]] std::optional<double> figure(std::string_view name) const;

 private:
  [[nodiscard]] std::string headline() const;
  void add_figures(std::vector<std::string>& lines) const;
  void add_recent(std::vector<std::string>& lines, std::size_t most) const;
  void update_rate(std::string_view counter, const char* rate, double before, double seconds);

  std::string node_;
  std::string availability_ = "unknown";
  std::string software_, board_, model_;
  std::string refusal_;
  bool connected_ = true;
  std::optional<double> last_ms_;  // Of the device.
  std::map<std::string, double, std::less<>> figures_;
  std::deque<double> speeds_, queues_;  // The last snapshots, newest last.
  std::vector<Recent> recent_;          // Newest first.
  std::deque<std::string> events_;      // Newest first.
};

}  // namespace linnet::cli::ctl
