// What a step's kernels are told of its rows: written by the processor into pinned memory, copied to the device as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/cuda/launch.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// Where each array lies in the block, in bytes. Always for the most rows: the same addresses at every step.
struct InputLayout {
  std::size_t tokens = 0;
  std::size_t positions = 0;
  std::size_t sequences = 0;
  std::size_t sees = 0;
  std::size_t output_rows = 0;
  std::size_t tiles = 0;
  std::size_t page_tables = 0;
  std::size_t bytes = 0;

  [[nodiscard]] static InputLayout of(const Setup& setup);
};

// What the shape of a step decides: how it is computed, and whether a captured graph serves.
struct StepShape {
  std::uint32_t rows = 0;
  std::uint32_t outputs = 0;
  std::uint32_t tiles = 0;

  // Every row is an output, and no kernel for many rows is needed: decoding.
  [[nodiscard]] bool is_decoding() const { return rows == outputs && rows <= kernels::cuda::kMatVecRows; }
};

// Borrows both blocks.
class StepInputs {
 public:
  StepInputs(const Setup& setup, std::byte* host, std::byte* device);

  // Writes the host's block for rows that the cache holds. Allocates nothing.
  StepShape fill(Batch batch, const KvCache& cache);

  [[nodiscard]] const std::byte* host() const { return host_; }
  [[nodiscard]] std::size_t bytes() const { return layout_.bytes; }

  // Addresses on the device.
  [[nodiscard]] kernels::cuda::StepRows rows() const;
  [[nodiscard]] const std::uint32_t* output_rows() const { return on_device<std::uint32_t>(layout_.output_rows); }
  [[nodiscard]] const kernels::cuda::AttendTile* tiles() const {
    return on_device<kernels::cuda::AttendTile>(layout_.tiles);
  }

 private:
  template <class T>
  [[nodiscard]] T* on_host(std::size_t offset) const {
    return reinterpret_cast<T*>(host_ + offset);
  }
  template <class T>
  [[nodiscard]] const T* on_device(std::size_t offset) const {
    return reinterpret_cast<const T*>(device_ + offset);
  }
  std::uint32_t cut_tiles(Batch batch) const;

  InputLayout layout_;
  std::byte* host_;
  std::byte* device_;
  std::size_t pages_a_sequence_;
  std::uint32_t tile_rows_ = kernels::cuda::kAttendItems;  // The most that every attention of the program takes.
  bool sees_all_ = false;                                  // Rows see all of their sequence: an encoder.
};

// Whether two masks are used in one program, which StepInputs cannot tell apart.
[[nodiscard]] bool mixes_masks(const models::Program& program);

// What the kernels are told of an Attend, but for its addresses.
[[nodiscard]] kernels::cuda::AttendShape attend_shape(const models::Attend& op, const models::KvCache& state);

}  // namespace linnet::engine::cuda
