// Chooses the next token from logits, the same one on every board for the same seed.
//
// The order is that of Hugging Face transformers: mask, repetition penalty, temperature, top-k, top-p, min-p, draw.
// Only correctly rounded operations, this library's own exp and an own generator are used, so ids agree everywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/softmax/softmax.h"
#include "runtime/base/result.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/random.h"

namespace linnet::engine {

struct SamplerOptions {
  float temperature = 0.0F;         // 0: greedy, the largest logit, of equals the lowest id.
  std::uint32_t top_k = 40;         // The k largest; 0: all.
  float top_p = 0.95F;              // The fewest of the most likely that make up this share; 1: all.
  float min_p = 0.05F;              // At least this share of the most likely one's probability; 0: all.
  float repetition_penalty = 1.0F;  // Positive logits of recent tokens are divided by it, others multiplied; 1: none.
  std::uint32_t repetition_window = 64;  // Recent tokens (prompt included), at most kMaxWindow.
  std::uint64_t seed = 0;
  bool want_probability = false;  // Sampled::probability: an exponential for every entry of the vocabulary.

  static constexpr std::size_t kMaxWindow = 1024;
};

// Errors: kUsage, naming the field that makes no sense.
[[nodiscard]] Result<void> check(const SamplerOptions& options);

// One vocabulary entry that may still be chosen.
struct Candidate {
  float logit = 0;
  TokenId token = 0;
};

struct Sampled {
  TokenId token = 0;
  // Of this token under the softmax of the logits (masked and penalised, at the temperature, or at 1 where greedy),
  // before top-k, top-p and min-p: the model's confidence, in [0, 1]. 0 where it was not asked for.
  float probability = 0;
};

// Which tokens are allowed: bit t % 64 of word t / 64. Empty: all.
using TokenMask = std::span<const std::uint64_t>;

// The state of one sequence's sampling; copyable, allocates nothing.
class Sampler {
 public:
  // `options` must have passed check(). `kernels`: their variant; borrowed.
  explicit Sampler(const SamplerOptions& options, const kernels::Softmax& kernels = kernels::scalar::kSoftmax)
      : options_(options), kernels_(&kernels), random_(options.seed) {}

  // Tells of a token that is now part of the text, for the repetition penalty.
  void accept(TokenId token);

  // Chooses from `logits` [vocabulary]; accept() is the caller's. `scratch` [vocabulary] is overwritten. Errors:
  // kMalformed where a logit is not finite (a damaged model), kUsage where the mask allows no token.
  [[nodiscard]] Result<Sampled> sample(std::span<const float> logits, TokenMask mask, std::span<Candidate> scratch);

 private:
  [[nodiscard]] std::span<Candidate> collect(std::span<const float> logits, TokenMask mask,
                                             std::span<Candidate> scratch) const;
  void penalise(std::span<Candidate> candidates) const;
  [[nodiscard]] Result<Sampled> greedy(std::span<const float> logits, TokenMask mask, std::size_t largest) const;
  [[nodiscard]] Candidate draw(std::span<Candidate> candidates, float largest);

  SamplerOptions options_;
  const kernels::Softmax* kernels_;
  Xoshiro256 random_;
  std::array<TokenId, SamplerOptions::kMaxWindow> recent_{};  // A ring of the last `repetition_window` tokens.
  std::size_t accepted_ = 0;
};

}  // namespace linnet::engine
