// How surprised a model is by texts: the mean negative log-likelihood of their tokens.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/engine/engine.h"

namespace linnet::cli {

// -log softmax(logits)[target], in nats, computed in double.
[[nodiscard]] double negative_log_likelihood(std::span<const float> logits, engine::TokenId target);

// Sums over texts. A text is read in windows of `window` positions that each start afresh with the last token of the
// one before: every token but a text's first is scored once, knowing up to `window - 1` tokens before it.
class Perplexity {
 public:
  explicit Perplexity(std::size_t window) : window_(window) {}

  [[nodiscard]] Result<void> add(engine::Engine& engine, std::span<const engine::TokenId> text, const Console& console);

  [[nodiscard]] std::size_t n_tokens() const { return n_tokens_; }
  [[nodiscard]] double mean_nll() const;
  [[nodiscard]] double perplexity() const;

 private:
  std::size_t window_;
  std::size_t n_tokens_ = 0;
  double sum_ = 0;
};

}  // namespace linnet::cli
