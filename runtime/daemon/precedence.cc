#include "runtime/daemon/precedence.h"

#include <algorithm>
#include <cassert>

namespace linnet::daemon {
namespace {

bool goes_before(const Claim& one, const Claim& other) {
  return one.priority != other.priority ? one.priority > other.priority : one.order < other.order;
}

}  // namespace

std::bitset<kMostClaims> advancing(std::span<const Claim> claims, std::size_t at_once, std::size_t pages) {
  assert(claims.size() <= kMostClaims);
  std::bitset<kMostClaims> asked;
  std::bitset<kMostClaims> chosen;
  std::size_t reserved = 0;  // What everybody holds, and what the chosen ones may need beside.
  for (const Claim& claim : claims) reserved += claim.held;
  for (std::size_t round = 0; round < claims.size() && chosen.count() < at_once; ++round) {
    std::size_t next = claims.size();
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!asked[i] && (next == claims.size() || goes_before(claims[i], claims[next]))) next = i;
    }
    asked.set(next);
    const std::size_t more = claims[next].most - std::min(claims[next].most, claims[next].held);
    if (reserved + more > pages) continue;
    reserved += more;
    chosen.set(next);
  }
  return chosen;
}

}  // namespace linnet::daemon
