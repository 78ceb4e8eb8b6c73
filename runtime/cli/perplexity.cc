#include "runtime/cli/perplexity.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "runtime/cli/sequence_logits.h"

namespace linnet::cli {

double negative_log_likelihood(std::span<const float> logits, engine::TokenId target) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[static_cast<std::size_t>(target)]);
}

Result<void> Perplexity::add(engine::Engine& engine, std::span<const engine::TokenId> text, const Console& console) {
  assert(window_ >= 2);
  while (text.size() >= 2) {
    const auto window = text.first(std::min(text.size(), window_));
    // The last position's prediction is about the next window, which asks again.
    const auto score = [&](std::size_t position, std::span<const float> logits) -> Result<void> {
      sum_ += negative_log_likelihood(logits, window[position + 1]);
      return {};
    };
    LINNET_CHECK(for_each_logits(engine, window.first(window.size() - 1), console, score));
    n_tokens_ += window.size() - 1;
    text = text.subspan(window.size() - 1);
  }
  return {};
}

double Perplexity::mean_nll() const { return n_tokens_ == 0 ? 0.0 : sum_ / static_cast<double>(n_tokens_); }

double Perplexity::perplexity() const { return std::exp(mean_nll()); }

}  // namespace linnet::cli
