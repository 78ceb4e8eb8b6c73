// Cuts long work on a tensor into pieces of bounded memory. Private to models/pack.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/formats/format.h"
#include "models/gguf/sink.h"
#include "runtime/base/result.h"

namespace linnet::pack {

inline constexpr std::size_t kPieceBytes = std::size_t{4} << 20;  // Some milliseconds of disk and hash work.

// Bytes done of a job, passed on to the caller's callback after every piece.
class Meter {
 public:
  Meter(gguf::Progress progress, std::uint64_t all) : progress_(progress), all_(all) {}
  [[nodiscard]] Result<void> add(std::uint64_t bytes) { return gguf::report(progress_, done_ += bytes, all_); }

 private:
  gguf::Progress progress_;
  std::uint64_t all_;
  std::uint64_t done_ = 0;
};

// Calls `work(piece, offset)` for the bytes in pieces, in order; stops at the first error.
template <class Work>
[[nodiscard]] Result<void> for_pieces(std::span<const std::byte> bytes, Work work) {
  for (std::size_t offset = 0; offset < bytes.size(); offset += kPieceBytes) {
    LINNET_CHECK(work(bytes.subspan(offset, std::min(kPieceBytes, bytes.size() - offset)), offset));
  }
  return {};
}

// How a matrix is cut into bands of whole panels, each about a piece long.
class Bands {
 public:
  Bands(kernels::Format format, std::size_t rows, std::size_t columns)
      : rows_(rows),
        row_bytes_(kernels::row_bytes(format, columns)),
        panel_bytes_(kernels::panel_bytes(format, kernels::kPanelRows, columns)),
        panels_a_band_(std::max<std::size_t>(1, kPieceBytes / panel_bytes_)) {}

  struct Band {
    std::size_t rows;        // Real rows; the last panel may have more.
    std::size_t row_offset;  // Bytes, in the rows.
    std::size_t row_size;
    std::size_t panel_offset;  // Bytes, in the panels.
    std::size_t panel_size;
  };

  [[nodiscard]] std::size_t count() const { return (rows_ + band_rows() - 1) / band_rows(); }
  [[nodiscard]] Band operator[](std::size_t index) const {
    const std::size_t rows = std::min(band_rows(), rows_ - index * band_rows());
    const std::size_t panels = (rows + kernels::kPanelRows - 1) / kernels::kPanelRows;
    return {rows, index * band_rows() * row_bytes_, rows * row_bytes_, index * panels_a_band_ * panel_bytes_,
            panels * panel_bytes_};
  }

 private:
  [[nodiscard]] std::size_t band_rows() const { return panels_a_band_ * kernels::kPanelRows; }

  std::size_t rows_;
  std::size_t row_bytes_;
  std::size_t panel_bytes_;
  std::size_t panels_a_band_;
};

}  // namespace linnet::pack
