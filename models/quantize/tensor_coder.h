// Converts the rows of one tensor: decoded to float, changed as the method asks, coded in the target's format, decoded
// again for the error. Private to models/quantize.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "kernels/formats/format.h"
#include "models/gguf/reader.h"
#include "models/quantize/block_search.h"
#include "models/quantize/error_feedback.h"
#include "models/quantize/gram.h"
#include "models/quantize/scaling.h"

namespace linnet::quantize {

// Squared sums: what there was and what was lost, of the weights and, where a Gram matrix is at hand, at the output.
struct Loss {
  double energy = 0;
  double lost = 0;
  double output_energy = 0;
  double output_lost = 0;

  void add(const Loss& other);
  [[nodiscard]] double relative() const;         // sqrt(lost / energy), 0 where there was nothing.
  [[nodiscard]] double relative_output() const;  // The same at the output.
};

// What is known of the tensor's input. All borrowed; null or empty where it is not.
struct InputKnowledge {
  const Gram* gram = nullptr;           // Of the input as the changed weights see it.
  const FeedbackPlan* plan = nullptr;   // Made from it.
  std::span<const float> moments = {};  // Its diagonal: how much each column counts.
};

// How a tensor is changed on its way.
struct Changes {
  const Factors* factors = nullptr;  // Borrowed.
  double pruned = 0;                 // Share of each row's weights that become 0, the least ones (times rms of input).
};

class TensorCoder {
 public:
  TensorCoder(const gguf::Tensor& tensor, gguf::TensorType to, const Changes& changes, const InputKnowledge& input);

  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(tensor_.rows()); }
  [[nodiscard]] std::size_t row_bytes() const { return kernels::row_bytes(to_, columns_); }

  // Rows [first, first + count), at most kFeedbackRows, into `out` [count * row_bytes()].
  [[nodiscard]] Loss code(std::size_t first, std::size_t count, std::byte* out) const;

  // Row `row` as floats with the factors applied.
  void load(std::size_t row, std::span<float> out) const;

  // A row that code() wrote, as floats.
  void decode(const std::byte* row, std::span<float> out) const {
    kernels::dequantize_row(to_, row, columns_, out.data());
  }

 private:
  void prune(std::span<float> row) const;
  void code_rows(ConstTensorView rows, std::byte* out) const;

  const gguf::Tensor& tensor_;
  kernels::Format from_;
  kernels::Format to_;
  std::optional<SymmetricFormat> search_;
  std::size_t columns_;
  Changes changes_;
  InputKnowledge input_;
};

}  // namespace linnet::quantize
