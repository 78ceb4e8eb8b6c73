// A borrowed row-major matrix of floats: what kernels' callers pass around instead of pointer and three counts.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>

namespace linnet {

// [rows, width], rows `stride` elements apart. Borrows; never owns.
template <class T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, std::size_t rows, std::size_t width) : MatrixView(data, rows, width, width) {}
  MatrixView(T* data, std::size_t rows, std::size_t width, std::size_t stride)
      : data_(data), rows_(rows), width_(width), stride_(stride) {}

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t stride() const { return stride_; }
  [[nodiscard]] T* data() const { return data_; }

  [[nodiscard]] std::span<T> row(std::size_t index) const {
    assert(index < rows_);
    return {data_ + index * stride_, width_};
  }

  // The view of `count` rows from `first`.
  [[nodiscard]] MatrixView rows_from(std::size_t first, std::size_t count) const {
    assert(first + count <= rows_);
    return {data_ + first * stride_, count, width_, stride_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t width_ = 0;
  std::size_t stride_ = 0;
};

using TensorView = MatrixView<float>;
using ConstTensorView = MatrixView<const float>;

}  // namespace linnet
