#include "runtime/text/grammar/plain_run.h"

#include <algorithm>
#include <bitset>

namespace linnet::text {

PlainRun::PlainRun() : sequences_(plain_characters().size()) {
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto ranges = plain_characters()[i];
    sequences_[i].size = ranges.size();
    for (std::size_t k = 0; k < ranges.size(); ++k) {
      sequences_[i].bytes[k].reserve(std::size_t{ranges[k].last} - ranges[k].first + 1);
    }
  }
}

void PlainRun::begin(const Configurations& configurations) {
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto ranges = plain_characters()[i];
    for (std::size_t k = 0; k < ranges.size(); ++k) {
      std::bitset<256> seen;
      auto& bytes = sequences_[i].bytes[k];
      bytes.clear();
      for (unsigned byte = ranges[k].first; byte <= ranges[k].last; ++byte) {
        const std::uint8_t name = configurations.byte_class(static_cast<std::uint8_t>(byte));
        if (!seen.test(name)) bytes.push_back(static_cast<std::uint8_t>(byte));
        seen.set(name);
      }
    }
  }
}

std::optional<std::size_t> PlainRun::length(Configurations& configurations, std::span<Configuration> path) const {
  path = path.first(kPlaces);
  std::ranges::fill(path.subspan(kHere), kNowhere);
  path[kHere] = path[0];
  for (std::size_t count = 0; count < PlainTokens::kMostCharacters; ++count) {
    if (!same_next(configurations, path)) return std::nullopt;
    if (path[kNext] == kNowhere) return count;
    if (path[kNext] == path[kHere]) break;  // And so on for ever.
    path[kHere] = path[kNext];
  }
  return PlainTokens::kMostCharacters;
}

// Whether all plain characters lead from path[kHere] to one place, path[kNext].
bool PlainRun::same_next(Configurations& configurations, std::span<Configuration> path) const {
  bool found = false;
  return std::ranges::all_of(
      sequences_, [&](const Sequence& sequence) { return same_next(configurations, path, sequence, 0, found); });
}

// The same of what begins with the bytes that led to the place before kInside + depth.
bool PlainRun::same_next(Configurations& configurations, std::span<Configuration> path, const Sequence& sequence,
                         std::size_t depth, bool& found) const {
  for (const std::uint8_t byte : sequence.bytes[depth]) {
    const Configuration& from = path[depth == 0 ? kHere : kInside + depth - 1];
    const Configuration to = from == kNowhere ? kNowhere : configurations.step(from, byte, path);
    const bool ends = depth + 1 == sequence.size || to == kNowhere;
    if (ends && found && to != path[kNext]) return false;
    if (ends && !found) path[kNext] = to;
    found |= ends;
    path[kInside + depth] = to;
    if (!ends && !same_next(configurations, path, sequence, depth + 1, found)) return false;
  }
  return true;
}

}  // namespace linnet::text
