#include "runtime/cli/progress.h"

#include <algorithm>
#include <cmath>

namespace linnet::cli {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr double kRedrawMilliseconds = 100;
constexpr std::string_view kWipeLine = "\r\x1b[K";

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds));
  if (whole < 100) return std::to_string(whole) + " s";
  if (whole < 6000) return std::to_string((whole + 59) / 60) + " min";
  return std::to_string((whole + 3599) / 3600) + " h";
}

}  // namespace

std::string progress_text(const std::string& label, Bytes done, Bytes total, double seconds) {
  const double share =
      total.count == 0 ? 1.0 : std::min(1.0, static_cast<double>(done.count) / static_cast<double>(total.count));
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  std::string text = label + " [" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "] " +
                     std::to_string(static_cast<int>(share * 100)) + " %";
  // The first moments say nothing about the rate.
  if (seconds < 0.3 || done.count == 0) return text;
  const double rate = static_cast<double>(done.count) / seconds;
  const double left = static_cast<double>(total.count - std::min(done, total).count) / rate;
  return text + "  " + to_string(Bytes{static_cast<std::uint64_t>(rate)}) + "/s  " + duration_text(left) + " left";
}

ProgressBar::ProgressBar(const Console& console, std::string label)
    : console_(console), label_(std::move(label)), started_(Clock::now()), drawn_(started_) {}

ProgressBar::~ProgressBar() {
  if (visible_) console_.draw(kWipeLine);
}

void ProgressBar::update(Bytes done, Bytes total) {
  if (!console_.error_is_terminal()) return;
  const auto now = Clock::now();
  if (milliseconds_between(drawn_, now) < kRedrawMilliseconds) return;
  drawn_ = now;
  visible_ = true;
  console_.draw(std::string(kWipeLine) + progress_text(label_, done, total, milliseconds_between(started_, now) / 1e3));
}

}  // namespace linnet::cli
