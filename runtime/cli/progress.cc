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

std::string progress_text(const std::string& label, ProgressUnit unit, std::uint64_t done, std::uint64_t total,
                          double seconds) {
  const double share = total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  std::string text = label + " [" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "] " +
                     std::to_string(static_cast<int>(share * 100)) + " %";
  // The first moments say nothing about the rate.
  if (seconds < 0.3 || done == 0) return text;
  const double rate = static_cast<double>(done) / seconds;
  const double left = static_cast<double>(total - std::min(done, total)) / rate;
  const auto whole = static_cast<std::uint64_t>(rate);
  const std::string speed = unit == ProgressUnit::kBytes ? to_string(Bytes{whole}) : std::to_string(whole);
  return text + "  " + speed + "/s  " + duration_text(left) + " left";
}

ProgressBar::ProgressBar(const Console& console, std::string label, ProgressUnit unit)
    : console_(console), label_(std::move(label)), unit_(unit), started_(Clock::now()), drawn_(started_) {}

ProgressBar::~ProgressBar() {
  if (visible_) console_.draw(kWipeLine);
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (!console_.error_is_terminal()) return;
  const auto now = Clock::now();
  if (milliseconds_between(drawn_, now) < kRedrawMilliseconds) return;
  drawn_ = now;
  visible_ = true;
  console_.draw(std::string(kWipeLine) +
                progress_text(label_, unit_, done, total, milliseconds_between(started_, now) / 1e3));
}

}  // namespace linnet::cli
