#include "models/quantize/error_feedback.h"

#include <cblas.h>

#include <algorithm>
#include <armadillo>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/formats/half.h"

namespace linnet::quantize {
namespace {

constexpr std::size_t kRows = kFeedbackRows;
using Column = std::array<float, kRows>;  // One number a row.

// Candidates for a block's scale, over the scale that is best without feedback. A smaller scale clips the largest
// weight and lets its neighbours pay; a larger one rounds coarsely but clips nothing.
constexpr std::array<float, 9> kScaleFactors = {1.0F, 0.85F, 0.9F, 0.93F, 0.96F, 0.98F, 1.02F, 1.05F, 1.1F};

// Blocks by their mean input, the largest first; columns likewise inside them.
std::vector<std::uint32_t> column_order(const Gram& gram, std::size_t block) {
  const std::vector<float> size = gram.diagonal();
  std::vector<std::uint32_t> blocks(gram.width() / block);
  std::iota(blocks.begin(), blocks.end(), 0U);
  std::vector<double> sums(blocks.size());
  for (std::size_t i = 0; i < size.size(); ++i) sums[i / block] += double{size[i]};
  std::ranges::stable_sort(blocks, std::ranges::greater{}, [&](std::uint32_t b) { return sums[b]; });
  std::vector<std::uint32_t> order;
  order.reserve(gram.width());
  for (const std::uint32_t b : blocks) {
    for (std::size_t i = 0; i < block; ++i) order.push_back(static_cast<std::uint32_t>(b * block + i));
    std::ranges::stable_sort(order.end() - static_cast<std::ptrdiff_t>(block), order.end(), std::ranges::greater{},
                             [&](std::uint32_t column) { return size[column]; });
  }
  return order;
}

// G in the order reversed, with `damping` on its diagonal: the Cholesky factor of that, read backwards, is the upper
// triangular R with H = R R^T, and U = R^-1.
arma::fmat reversed(const Gram& gram, std::span<const std::uint32_t> order, float damping) {
  const std::size_t n = order.size();
  arma::fmat matrix(n, n);
  for (std::size_t j = 0; j < n; ++j) {
    const float* const column = gram.sums().data() + std::size_t{order[n - 1 - j]} * n;
    for (std::size_t i = 0; i < n; ++i) matrix(i, j) = column[order[n - 1 - i]];
    matrix(j, j) += damping;
  }
  return matrix;
}

float mean_diagonal(const Gram& gram) {
  double sum = 0;
  for (std::size_t i = 0; i < gram.width(); ++i) sum += double{gram.diagonal(i)};
  return static_cast<float>(sum / static_cast<double>(gram.width()));
}

// The rows of one call, transposed: column p of the order at [p], and what becomes of it.
class Chunk {
 public:
  Chunk(const FeedbackPlan& plan, const SymmetricFormat& format, ConstTensorView weights)
      : plan_(plan), format_(format), rows_(weights.rows()), columns_(plan.width()), kept_(plan.width()) {
    assert(weights.width() == plan.width() && rows_ <= kRows);
    for (std::size_t p = 0; p < columns_.size(); ++p) {
      for (std::size_t r = 0; r < rows_; ++r) columns_[p][r] = weights.row(r)[plan.order()[p]];
      for (std::size_t r = 0; r < kRows; ++r) kept_[p][r] = format.code_book || columns_[p][r] != 0.0F ? 1.0F : 0.0F;
    }
    codes_.resize(columns_.size() * kRows);
    scales_.resize(columns_.size() / plan.block());
    errors_.resize(plan.block());
  }

  void round_block(std::size_t first);
  void store(std::byte* rows) const;

 private:
  [[nodiscard]] Column starting_scales(std::size_t first) const;
  [[nodiscard]] Column try_scales(std::size_t first, const Column& scales);
  template <class Nearest>
  [[nodiscard]] Column round_with(std::size_t first, const Column& scales, const Nearest& nearest);
  void spread_errors(std::size_t first);

  const FeedbackPlan& plan_;
  const SymmetricFormat& format_;
  std::size_t rows_;
  std::vector<Column> columns_;  // What is left of each weight, by position.
  // 0 where the weight was 0 and there is such a code: pruned weights stay so, and their errors are made good.
  std::vector<Column> kept_;
  std::vector<std::int8_t> codes_;  // [row, column of the layer]
  std::vector<Column> scales_;      // Of each block of the layer.
  std::vector<Column> errors_;      // e of the block at hand.
  std::vector<Column> trial_;
};

// The scale that is best if the block's columns could not help each other.
Column Chunk::starting_scales(std::size_t first) const {
  std::vector<float> weights(plan_.block());
  std::vector<float> importance(plan_.block());
  for (std::size_t i = 0; i < plan_.block(); ++i) {
    const float pivot = plan_.factor(first + i, first + i);
    importance[i] = 1.0F / (pivot * pivot);
  }
  const float largest = *std::ranges::max_element(importance);
  for (float& number : importance) number /= largest;  // Far from float's limits.
  Column scales{};
  for (std::size_t r = 0; r < rows_; ++r) {
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = columns_[first + i][r];
    scales[r] = search_scale(format_, weights, importance);
  }
  return scales;
}

// Rounds the block at position `first` with these scales into trial_ (the codes) and errors_; gives sum(e^2) of each
// row.
Column Chunk::try_scales(std::size_t first, const Column& scales) {
  if (format_.code_book) return round_with(first, scales, NearestOfBook{});
  return round_with(first, scales, NearestInteger{format_.low, format_.high});
}

template <class Nearest>
Column Chunk::round_with(std::size_t first, const Column& scales, const Nearest& nearest) {
  trial_.assign(columns_.begin() + static_cast<std::ptrdiff_t>(first),
                columns_.begin() + static_cast<std::ptrdiff_t>(first + plan_.block()));
  Column inverse{};
  for (std::size_t r = 0; r < kRows; ++r) inverse[r] = scales[r] != 0.0F ? 1.0F / scales[r] : 0.0F;
  Column loss{};
  for (std::size_t i = 0; i < trial_.size(); ++i) {
    const float pivot = 1.0F / plan_.factor(first + i, first + i);
    Column& left = trial_[i];
    Column& error = errors_[i];
    const Column& kept = kept_[first + i];
    for (std::size_t r = 0; r < kRows; ++r) {
      const float code = nearest(left[r] * inverse[r]) * kept[r];
      error[r] = (left[r] - scales[r] * code) * pivot;
      loss[r] += error[r] * error[r];
      left[r] = code;
    }
    for (std::size_t j = i + 1; j < trial_.size(); ++j) {
      const float share = plan_.factor(first + i, first + j);
      for (std::size_t r = 0; r < kRows; ++r) trial_[j][r] -= error[r] * share;
    }
  }
  return loss;
}

void Chunk::round_block(std::size_t first) {
  const Column start = starting_scales(first);
  Column best_scales{};
  Column least{};
  least.fill(std::numeric_limits<float>::infinity());
  const bool lopsided = format_.low + format_.high != 0.0F;
  for (const float factor : kScaleFactors) {
    for (const float sign : {1.0F, -1.0F}) {
      if (sign < 0 && !lopsided) continue;
      Column scales{};
      for (std::size_t r = 0; r < rows_; ++r) {
        scales[r] = kernels::f16_to_f32(kernels::f32_to_f16(sign * factor * start[r]));
      }
      const Column loss = try_scales(first, scales);
      for (std::size_t r = 0; r < rows_; ++r) {
        if (!(loss[r] < least[r])) continue;
        least[r] = loss[r];
        best_scales[r] = scales[r];
      }
    }
  }
  (void)try_scales(first, best_scales);
  scales_[plan_.order()[first] / plan_.block()] = best_scales;
  for (std::size_t i = 0; i < plan_.block(); ++i) {
    const std::size_t column = plan_.order()[first + i];
    for (std::size_t r = 0; r < rows_; ++r) {
      codes_[r * columns_.size() + column] = static_cast<std::int8_t>(trial_[i][r]);
    }
  }
  spread_errors(first);
}

// columns after the block -= errors * U
void Chunk::spread_errors(std::size_t first) {
  const std::size_t next = first + plan_.block();
  if (next == columns_.size()) return;
  constexpr auto kRowCount = static_cast<blasint>(kRows);
  const auto width = static_cast<blasint>(columns_.size());
  cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, kRowCount, static_cast<blasint>(columns_.size() - next),
              static_cast<blasint>(plan_.block()), -1.0F, errors_.front().data(), kRowCount,
              plan_.factor() + next * columns_.size() + first, width, 1.0F, columns_[next].data(), kRowCount);
}

void Chunk::store(std::byte* rows) const {
  const std::size_t block_bytes = kernels::info(format_.format).block_bytes;
  for (std::size_t r = 0; r < rows_; ++r) {
    const std::span<const std::int8_t> codes(codes_.data() + r * columns_.size(), columns_.size());
    for (std::size_t b = 0; b < scales_.size(); ++b, rows += block_bytes) {
      store_codes(format_, codes.subspan(b * plan_.block(), plan_.block()), scales_[b][r], rows);
    }
  }
}

}  // namespace

std::optional<FeedbackPlan> FeedbackPlan::make(const Gram& gram, std::size_t block) {
  const std::size_t n = gram.width();
  assert(block != 0 && n % block == 0);
  FeedbackPlan plan;
  plan.block_ = block;
  plan.order_ = column_order(gram, block);
  const float mean = mean_diagonal(gram);
  if (!std::isfinite(mean)) return std::nullopt;
  arma::fmat lower;
  for (float damping = kDamping;
       !arma::chol(lower, reversed(gram, plan.order_, mean > 0 ? damping * mean : 1.0F), "lower"); damping *= 10.0F) {
    if (damping > 1.0F) return std::nullopt;
  }
  arma::fmat inverse;
  if (!arma::inv(inverse, arma::trimatl(lower))) return std::nullopt;
  plan.factor_.resize(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i <= j; ++i) plan.factor_[j * n + i] = inverse(n - 1 - i, n - 1 - j);
  }
  return plan;
}

void quantize_with_feedback(const FeedbackPlan& plan, const SymmetricFormat& format, ConstTensorView weights,
                            std::byte* rows) {
  assert(kernels::info(format.format).block_weights == plan.block());
  Chunk chunk(plan, format, weights);
  for (std::size_t first = 0; first < plan.width(); first += plan.block()) chunk.round_block(first);
  chunk.store(rows);
}

}  // namespace linnet::quantize
