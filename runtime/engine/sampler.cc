#include "runtime/engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <string>

#include "kernels/math/math.h"

namespace linnet::engine {
namespace {

// The larger logit first, of equals the lower id: a total order, so every sort gives the same permutation.
bool comes_first(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  bool finite = true;
  for (const float value : values) finite &= (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
  return finite;
}

// The first of the largest. 16 lanes, so that the compiler compares many at a time: a vocabulary of 150,000 is read for
// every token.
TokenId largest_of(std::span<const float> logits) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> lanes;
  lanes.fill(logits.front());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = std::max(lanes[lane], logits[i + lane]);
  }
  float largest = *std::max_element(lanes.begin(), lanes.end());
  for (; i < logits.size(); ++i) largest = std::max(largest, logits[i]);
  return static_cast<TokenId>(std::find(logits.begin(), logits.end(), largest) - logits.begin());
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
  for (std::size_t token = 0; token < logits.size(); ++token) {
    const bool allowed = mask.empty() || (token / 64 < mask.size() && (mask[token / 64] >> (token % 64) & 1) != 0);
    if (allowed) scratch[count++] = {logits[token], static_cast<TokenId>(token)};
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
    std::partial_sort(candidates.begin(), candidates.begin() + options_.top_k, candidates.end(), comes_first);
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

Result<Sampled> Sampler::sample(std::span<const float> logits, TokenMask mask, std::span<Candidate> scratch) {
  assert(scratch.size() >= logits.size());
  if (!all_finite(logits)) return fail(ErrorKind::kMalformed, "the model computed a logit that is not a number");
  const bool untouched = mask.empty() && options_.repetition_penalty == 1.0F;
  if (untouched && options_.temperature == 0 && !options_.want_probability) return Sampled{largest_of(logits), 0};
  const auto candidates = collect(logits, mask, scratch);
  if (candidates.empty()) return fail(ErrorKind::kUsage, "the constraint allows no token here");
  if (options_.repetition_penalty != 1.0F) penalise(candidates);

  const Candidate likeliest = *std::min_element(candidates.begin(), candidates.end(), comes_first);
  const bool greedy = options_.temperature == 0;
  const float temperature = greedy ? 1.0F : options_.temperature;
  const double whole = options_.want_probability ? mass_of(candidates, likeliest.logit, temperature) : 0;
  if (greedy) return Sampled{likeliest.token, whole > 0 ? static_cast<float>(1 / whole) : 0};
  // The draw leaves weights in place of logits.
  const Candidate drawn = draw(candidates, likeliest.logit);
  return Sampled{drawn.token, whole > 0 ? static_cast<float>(static_cast<double>(drawn.logit) / whole) : 0};
}

}  // namespace linnet::engine
