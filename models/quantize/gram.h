// The second moments of a layer's inputs: what an error of its weights costs at its output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/tensor_view.h"

namespace linnet::quantize {

// OpenBLAS works on the calling thread from now on: this folder shares the work by rows of weights, so that results do
// not depend on the number of threads.
void keep_linear_algebra_on_one_thread();

// Sums of x x^T over rows x, [width, width], in float: 4 width^2 bytes. For an error E of weights [rows, width],
// trace(E G E^T) is the squared error of the outputs summed over all rows seen.
class Gram {
 public:
  explicit Gram(std::size_t width) : width_(width), sums_(width * width) {}

  // Adds rows [any, width], each as if it came `weight` times. Rows must come before finish().
  void add(ConstTensorView rows, float weight = 1.0F);

  // Makes the matrix whole (add() fills one triangle).
  void finish();

  // Of an input divided by `factors` [width] in every row.
  void divide(std::span<const float> factors);

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  [[nodiscard]] std::span<const float> sums() const { return sums_; }
  [[nodiscard]] float diagonal(std::size_t column) const { return sums_[column * width_ + column]; }
  [[nodiscard]] std::vector<float> diagonal() const;

  // trace(M G M^T) of a row-major [rows, width] matrix.
  [[nodiscard]] double energy_of(ConstTensorView matrix) const;

 private:
  std::size_t width_;
  std::uint64_t rows_ = 0;
  std::vector<float> sums_;
};

}  // namespace linnet::quantize
