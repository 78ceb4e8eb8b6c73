#include "models/quantize/gram.h"

#include <cblas.h>

#include <cassert>

namespace linnet::quantize {

void keep_linear_algebra_on_one_thread() { openblas_set_num_threads(1); }

// Our row-major [rows, width] is BLAS's column-major [width, rows].
void Gram::add(ConstTensorView rows, float weight) {
  assert(rows.width() == width_);
  if (rows.rows() == 0) return;
  const auto n = static_cast<blasint>(width_);
  cblas_ssyrk(CblasColMajor, CblasUpper, CblasNoTrans, n, static_cast<blasint>(rows.rows()), weight, rows.data(),
              static_cast<blasint>(rows.stride()), 1.0F, sums_.data(), n);
  rows_ += rows.rows();
}

void Gram::finish() {
  for (std::size_t column = 0; column < width_; ++column) {
    for (std::size_t row = 0; row < column; ++row) sums_[row * width_ + column] = sums_[column * width_ + row];
  }
}

void Gram::divide(std::span<const float> factors) {
  assert(factors.size() == width_);
  for (std::size_t column = 0; column < width_; ++column) {
    for (std::size_t row = 0; row < width_; ++row) sums_[column * width_ + row] /= factors[row] * factors[column];
  }
}

std::vector<float> Gram::diagonal() const {
  std::vector<float> numbers(width_);
  for (std::size_t i = 0; i < width_; ++i) numbers[i] = diagonal(i);
  return numbers;
}

double Gram::energy_of(ConstTensorView matrix) const {
  assert(matrix.width() == width_);
  std::vector<float> product(matrix.rows() * width_);
  const auto n = static_cast<blasint>(width_);
  cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, static_cast<blasint>(matrix.rows()), n, 1.0F, sums_.data(),
              n, matrix.data(), static_cast<blasint>(matrix.stride()), 0.0F, product.data(), n);
  double energy = 0;
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    const std::span<const float> values = matrix.row(row);
    for (std::size_t i = 0; i < width_; ++i) energy += double{values[i]} * double{product[row * width_ + i]};
  }
  return energy;
}

}  // namespace linnet::quantize
