#include "runtime/daemon/stop_texts.h"

#include <algorithm>

namespace linnet::daemon {

std::string_view StopTexts::push(std::string_view piece) {
  if (stops_.empty()) return piece;
  if (found_) return {};
  pending_.erase(0, shown_);
  pending_.append(piece);
  const std::size_t stop = first_stop();
  found_ = stop != std::string::npos;
  shown_ = found_ ? stop : pending_.size() - held_back();
  return std::string_view(pending_).substr(0, shown_);
}

std::string_view StopTexts::finish() {
  if (found_ || stops_.empty()) return {};
  pending_.erase(0, shown_);
  shown_ = pending_.size();
  return pending_;
}

std::size_t StopTexts::first_stop() const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, pending_.find(stop));
  return first;
}

// The longest end of the pending text that a stop text begins with.
std::size_t StopTexts::held_back() const {
  const std::string_view pending = pending_;
  std::size_t most = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t length = std::min(stop.size() - 1, pending.size()); length > most; --length) {
      if (pending.ends_with(std::string_view(stop).substr(0, length))) most = length;
    }
  }
  return most;
}

}  // namespace linnet::daemon
