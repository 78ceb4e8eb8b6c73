#include "runtime/daemon/fail_point.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace linnet::daemon {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "received", "accepted", "accepted_sent", "taken_over",   "started",      "chunk_sent",
    "intended", "driven",   "ended",         "outcome_kept", "outcome_sent", "acknowledged",
};
constexpr std::size_t kNowhere = kNames.size();

struct Armed {
  std::size_t place = kNowhere;
  std::atomic<int> left{1};  // The time that it ends.
  int linger_ms = 0;

  Armed() {
    const char* const wish = std::getenv("LINNET_FAIL_POINT");
    if (wish == nullptr) return;
    const std::string_view text(wish);
    const auto colon = text.find(':');
    place = static_cast<std::size_t>(std::ranges::find(kNames, text.substr(0, colon)) - kNames.begin());
    if (colon != std::string_view::npos) read_numbers(text.data() + colon + 1, text.data() + text.size());
  }

  // N, or N:MS.
  void read_numbers(const char* from, const char* end) {
    int count = 1;
    const auto read = std::from_chars(from, end, count);
    left = count;
    if (read.ptr != end && *read.ptr == ':') std::from_chars(read.ptr + 1, end, linger_ms);
  }
};

}  // namespace

void fail_point(FailPoint here) {
  static Armed armed;
  if (static_cast<std::size_t>(here) != armed.place) return;
  if (--armed.left != 0) return;
  std::this_thread::sleep_for(std::chrono::milliseconds(armed.linger_ms));
  (void)std::raise(SIGKILL);
}

std::string fail_point_names() {
  std::string list;
  for (const std::string_view name : kNames) list.append(name).append("\n");
  return list;
}

}  // namespace linnet::daemon
