#include "hal/placement.h"

#include <algorithm>
#include <cmath>

namespace linnet::hal {
namespace {

// Removes cores that `unwanted` names, and says so; leaves all where none would stay.
template <class Unwanted>
void drop(std::vector<Core>& cores, std::string& why, const char* reason, Unwanted unwanted) {
  std::vector<Core> kept;
  std::copy_if(cores.begin(), cores.end(), std::back_inserter(kept), [&](const Core& core) { return !unwanted(core); });
  if (kept.empty() || kept.size() == cores.size()) return;
  why += (why.empty() ? "" : ", ") + std::string(reason);
  cores = std::move(kept);
}

unsigned fastest(const std::vector<Core>& cores) {
  unsigned most = 0;
  for (const Core& core : cores) most = std::max(most, core.capacity.value_or(0));
  return most;
}

// Two threads of one core where the first of them is not allowed: the second stands for it.
bool is_second_thread(const Core& core, const std::vector<Core>& cores) {
  return core.smt_sibling && std::ranges::any_of(cores, [&](const Core& c) { return c.number == core.first_sibling; });
}

}  // namespace

Placement place_threads(const Facts& facts, std::span<const unsigned> allowed) {
  std::vector<Core> cores;
  std::copy_if(facts.cores.begin(), facts.cores.end(), std::back_inserter(cores),
               [&](const Core& core) { return std::ranges::find(allowed, core.number) != allowed.end(); });
  if (cores.empty())
    return {.cores = {allowed.begin(), allowed.end()},
            .threads = std::max<std::size_t>(1, allowed.size()),
            .why = "all allowed cores"};
  std::string why;
  if (cores.size() < facts.cores.size()) why = "those that the affinity mask allows";
  drop(cores, why, "none that are isolated", [](const Core& core) { return core.isolated; });
  const std::vector<Core> all = cores;
  drop(cores, why, "one thread a core", [&](const Core& core) { return is_second_thread(core, all); });
  const unsigned most = fastest(cores);
  drop(cores, why, "the fast ones", [&](const Core& core) { return core.capacity.value_or(most) * 2 < most; });
  Placement placement{.cores = {}, .threads = cores.size(), .why = {}};
  for (const Core& core : cores) placement.cores.push_back(core.number);
  if (facts.quota && *facts.quota < static_cast<double>(placement.threads)) {
    placement.threads = static_cast<std::size_t>(std::max(1.0, std::floor(*facts.quota + 0.05)));
    why += (why.empty() ? "" : ", ") + std::string("as much time as the control group allows");
  }
  placement.why = std::to_string(placement.threads) + " of " + std::to_string(facts.cores.size()) + " cores" +
                  (why.empty() ? "" : ": " + why);
  return placement;
}

}  // namespace linnet::hal
