// Rounds a layer's weights one column after another, each column's error made good by the columns that follow (GPTQ,
// Frantar et al. 2022; optimal brain surgeon, Hassibi and Stork 1993).
//
// For a Gram matrix H = G + damping, H^-1 = U^T U with U upper triangular. Rounding column i with the error
// e = (w_i - q_i) / U_ii and then w_j -= e U_ij for j > i makes sum(e^2) equal trace(E H E^T), the squared error at the
// layer's output. Blocks of columns that share a scale are taken as a whole, those with the largest inputs first and
// in each the largest column first; a block's scale is the one of several candidates whose sum(e^2) over the block is
// least, judged when the errors of the blocks before it have arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/quantize/block_search.h"
#include "models/quantize/gram.h"

namespace linnet::quantize {

// What all rows of a layer share.
class FeedbackPlan {
 public:
  // Of the mean of G's diagonal, added to the diagonal: 1 %, as the paper has it.
  static constexpr float kDamping = 0.01F;

  // `block` is the columns that share a scale; it divides the width. A matrix that is not positive definite in float is
  // damped ten times as much until it is; nothing where ten times its own mean does not help (numbers that are not
  // finite). Takes 3 x 4 width^2 bytes while it runs, keeps one.
  [[nodiscard]] static std::optional<FeedbackPlan> make(const Gram& gram, std::size_t block);

  [[nodiscard]] std::size_t width() const { return order_.size(); }
  [[nodiscard]] std::size_t block() const { return block_; }
  // The column that is rounded at each position.
  [[nodiscard]] std::span<const std::uint32_t> order() const { return order_; }
  // U: element (i, j) of positions at [j * width + i], 0 for i > j.
  [[nodiscard]] const float* factor() const { return factor_.data(); }
  [[nodiscard]] float factor(std::size_t i, std::size_t j) const { return factor_[j * width() + i]; }

 private:
  std::size_t block_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<float> factor_;
};

// Rows that are rounded together: their columns then lie side by side in registers.
inline constexpr std::size_t kFeedbackRows = 64;

// Quantises `weights` [at most kFeedbackRows rows, plan.width()], row-major, into consecutive rows of the format's
// bytes. A weight of 0 stays 0 where the format has that code. Each row's result is the same whatever rows it comes
// with.
void quantize_with_feedback(const FeedbackPlan& plan, const SymmetricFormat& format, ConstTensorView weights,
                            std::byte* rows);

}  // namespace linnet::quantize
