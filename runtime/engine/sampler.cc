#include "runtime/engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <optional>
#include <string>

#include "kernels/math/math.h"

namespace linnet::engine {
namespace {

// The larger logit first, of equals the lower id: a total order, so every sort gives the same permutation.
bool comes_first(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

// 16 lanes, so that the compiler compares many at a time.
float largest_of(std::span<const float> logits) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> lanes;
  lanes.fill(logits.front());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = std::max(lanes[lane], logits[i + lane]);
  }
  float largest = *std::max_element(lanes.begin(), lanes.end());
  for (; i < logits.size(); ++i) largest = std::max(largest, logits[i]);
  return largest;
}

// Calls `at` with each id below `count` that `mask` allows, ascending: words that allow none cost one look.
template <class At>
void for_each_allowed(TokenMask mask, std::size_t count, At at) {
  for (std::size_t first = 0; first < std::min(count, mask.size() * 64); first += 64) {
    for (std::uint64_t bits = mask[first / 64]; bits != 0; bits &= bits - 1) {
      const std::size_t token = first + static_cast<std::size_t>(std::countr_zero(bits));
      if (token < count) at(token);
    }
  }
}

// The first of the largest that `mask` allows; none where it allows none. 64 at a time, the unmasked maximum first:
// only where that is larger than what was found do the bits matter, so that a mask costs little more than no mask.
std::optional<TokenId> largest_allowed(std::span<const float> logits, TokenMask mask) {
  std::optional<std::size_t> best;
  for (std::size_t first = 0; first < std::min(logits.size(), mask.size() * 64); first += 64) {
    if (mask[first / 64] == 0) continue;
    const auto block = logits.subspan(first, std::min<std::size_t>(64, logits.size() - first));
    if (best && !(largest_of(block) > logits[*best])) continue;
    for_each_allowed(mask.subspan(first / 64, 1), block.size(), [&](std::size_t token) {
      if (!best || block[token] > logits[*best]) best = first + token;
    });
  }
  return best ? std::optional(static_cast<TokenId>(*best)) : std::nullopt;
}

// Sum of exp((logit - largest) / temperature), in the order given.
double mass_of(std::span<const Candidate> candidates, float largest, float temperature) {
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += static_cast<double>(kernels::math::exp((candidate.logit - largest) / temperature));
  }
  return sum;
}

tl::unexpected<Error> out_of_range(std::string_view field, std::string_view range) {
  return fail(ErrorKind::kUsage, std::string(field) + " must be " + std::string(range));
}

tl::unexpected<Error> nothing_allowed() { return fail(ErrorKind::kUsage, "the constraint allows no token here"); }

bool within(float value, float low, float high) { return value >= low && value <= high; }  // False for NaN.

}  // namespace

Result<void> check(const SamplerOptions& options) {
  if (options.temperature != 0 && !within(options.temperature, 0.001F, 100.0F)) {
    return out_of_range("the temperature", "0 (greedy) or 0.001 to 100");
  }
  if (!within(options.top_p, 0.0F, 1.0F)) return out_of_range("top-p", "0 to 1");
  if (!within(options.min_p, 0.0F, 1.0F)) return out_of_range("min-p", "0 to 1");
  if (!within(options.repetition_penalty, 0.01F, 100.0F)) return out_of_range("the repetition penalty", "0.01 to 100");
  if (options.repetition_window > SamplerOptions::kMaxWindow) {
    return out_of_range("the repetition window", "at most " + std::to_string(SamplerOptions::kMaxWindow));
  }
  return {};
}

void Sampler::accept(TokenId token) {
  if (options_.repetition_window == 0) return;
  recent_[accepted_ % options_.repetition_window] = token;
  ++accepted_;
}

// The allowed tokens by ascending id.
std::span<Candidate> Sampler::collect(std::span<const float> logits, TokenMask mask,
                                      std::span<Candidate> scratch) const {
  std::size_t count = 0;
  const auto take = [&](std::size_t token) { scratch[count++] = {logits[token], static_cast<TokenId>(token)}; };
  if (mask.empty()) {
    for (std::size_t token = 0; token < logits.size(); ++token) take(token);
  } else {
    for_each_allowed(mask, logits.size(), take);
  }
  return scratch.first(count);
}

void Sampler::penalise(std::span<Candidate> candidates) const {
  const std::size_t held = std::min<std::size_t>(accepted_, options_.repetition_window);
  const std::span<const TokenId> recent(recent_.data(), held);
  for (std::size_t i = 0; i < held; ++i) {
    const auto before = recent.first(i);
    if (std::find(before.begin(), before.end(), recent[i]) != before.end()) continue;  // Once a token.
    const auto found = std::lower_bound(candidates.begin(), candidates.end(), recent[i],
                                        [](const Candidate& c, TokenId token) { return c.token < token; });
    if (found == candidates.end() || found->token != recent[i]) continue;
    found->logit =
        found->logit > 0 ? found->logit / options_.repetition_penalty : found->logit * options_.repetition_penalty;
  }
}

// Keeps the likeliest by top-k, top-p and min-p, each a prefix of the descending order, and draws from them.
Candidate Sampler::draw(std::span<Candidate> candidates, float largest) {
  const bool cuts_k = options_.top_k != 0 && options_.top_k < candidates.size();
  if (cuts_k) {
    std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(options_.top_k),
                              comes_first);
    candidates = candidates.first(options_.top_k);
  } else if (options_.top_p < 1 || options_.min_p > 0) {
    // Without any cut the order does not matter to the draw, and a vocabulary takes long to sort.
    std::sort(candidates.begin(), candidates.end(), comes_first);
  }
  const double enough = options_.top_p * mass_of(candidates, largest, options_.temperature);
  double mass = 0;
  std::size_t kept = 0;
  for (Candidate& candidate : candidates) {
    const float weight = kernels::math::exp((candidate.logit - largest) / options_.temperature);
    if (kept != 0 && (weight < options_.min_p || (options_.top_p < 1 && mass >= enough))) break;
    candidate.logit = weight;
    mass += static_cast<double>(weight);
    ++kept;
  }
  double left = random_.uniform() * mass;
  for (const Candidate& candidate : candidates.first(kept)) {
    left -= static_cast<double>(candidate.logit);
    if (left < 0) return candidate;
  }
  return candidates.front();  // Rounding left a crumb of the mass: the first is as good as any.
}

// The largest logit without a penalty. `largest`: of all, allowed or not.
Result<Sampled> Sampler::greedy(std::span<const float> logits, TokenMask mask, std::size_t largest) const {
  if (mask.empty()) {
    const float mass = options_.want_probability ? kernels_->mass(logits.data(), logits.size(), logits[largest], 1) : 0;
    return Sampled{static_cast<TokenId>(largest), options_.want_probability ? 1 / mass : 0};
  }
  const auto allowed = largest_allowed(logits, mask);
  if (!allowed) return nothing_allowed();
  return Sampled{*allowed, 0};
}

Result<Sampled> Sampler::sample(std::span<const float> logits, TokenMask mask, std::span<Candidate> scratch) {
  assert(scratch.size() >= logits.size());
  const std::size_t largest = kernels_->largest(logits.data(), logits.size());
  if (largest == logits.size()) return fail(ErrorKind::kMalformed, "the model computed a logit that is not a number");
  const bool is_greedy = options_.temperature == 0;
  if (is_greedy && options_.repetition_penalty == 1.0F && (mask.empty() || !options_.want_probability)) {
    return greedy(logits, mask, largest);
  }
  const auto candidates = collect(logits, mask, scratch);
  if (candidates.empty()) return nothing_allowed();
  if (options_.repetition_penalty != 1.0F) penalise(candidates);

  const bool as_computed = mask.empty() && options_.repetition_penalty == 1.0F;
  const Candidate likeliest =
      as_computed ? candidates[largest] : *std::min_element(candidates.begin(), candidates.end(), comes_first);
  const float temperature = is_greedy ? 1.0F : options_.temperature;
  double whole = 0;
  if (options_.want_probability) {
    whole = candidates.size() == logits.size() && options_.repetition_penalty == 1.0F
                ? static_cast<double>(kernels_->mass(logits.data(), logits.size(), likeliest.logit, temperature))
                : mass_of(candidates, likeliest.logit, temperature);
  }
  if (is_greedy) return Sampled{likeliest.token, whole > 0 ? static_cast<float>(1 / whole) : 0};
  // The draw leaves weights in place of logits.
  const Candidate drawn = draw(candidates, likeliest.logit);
  return Sampled{drawn.token, whole > 0 ? static_cast<float>(static_cast<double>(drawn.logit) / whole) : 0};
}

}  // namespace linnet::engine
