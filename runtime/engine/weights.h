// The tensors of a file, found, checked and ready for kernels: one a weight of the program.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/formats/format.h"
#include "models/pack/packed_view.h"
#include "models/program.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet::engine {

// A tensor as it lies in the file: [rows, columns], or groups of such. Borrows the file's bytes.
struct WeightView {
  kernels::Format format = kernels::Format::kF32;
  bool in_panels = false;  // Else row-major.
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const std::byte> data;
  std::size_t groups = 1;
  std::size_t group_rows = 0;  // Rows of the tensor from group to group.
  std::size_t first_row = 0;   // Of the tensor: where the first group starts.

  // Whether it is multiplied by int8 activations, in panels (or will be once it is packed).
  [[nodiscard]] bool quantised() const { return kernels::info(format).panel_block_bytes != 0; }
  // Where row `row` starts; in panels, a multiple of 16.
  [[nodiscard]] const std::byte* from_row(std::size_t row) const;
  [[nodiscard]] const std::byte* from_group(std::size_t group, std::size_t row) const {
    return from_row(first_row + group * group_rows + row);
  }
  // Writes row `row` as [columns] floats.
  void read_row(std::size_t row, float* out) const;
};

struct Weights {
  std::vector<WeightView> views;            // One a weight of the program.
  std::vector<const float*> vectors;        // Of those with WeightUse::kVector, the floats; set by load_vectors.
  std::vector<std::vector<float>> factors;  // One a rotation: its divisors, or none.

  [[nodiscard]] const WeightView& view(models::WeightId id) const { return views[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const float* vector(models::WeightId id) const { return vectors[static_cast<std::size_t>(id)]; }
};

// What a file is looked at for.
enum class WeightsFor {
  kPlanning,  // Sizes: quantised matrices may still lie in rows.
  kRunning,   // Everything must lie as kernels read it.
};

// Finds every tensor that the program names and checks its shape and type. Errors: kMalformed (missing, wrong shape;
// factors that are no sensible divisors), kUnsupported (a type that no kernel reads; a quantised matrix that is not
// packed; a tensor that the program does not name, since ignoring it would compute something else).
[[nodiscard]] Result<Weights> find_weights(const pack::PackedView& file, const models::Program& program,
                                           WeightsFor purpose);

// Floats of the vectors that cannot be read where they lie (not F32, or not aligned for floats).
[[nodiscard]] std::size_t copied_vector_numbers(const Weights& weights, const models::Program& program);

// Points `vectors` at the file, or at copies made in `copies` [copied_vector_numbers].
void load_vectors(Weights& weights, const models::Program& program, std::span<float> copies);

// Bytes of the weights whose tensors hold them transposed, which are copied (float32, or f16 of what is coarser).
[[nodiscard]] std::size_t transposed_bytes(const Weights& weights, const models::Program& program);

// Makes those copies in `copies` [transposed_bytes], 64-byte aligned, and points the views at them.
void load_transposed(Weights& weights, const models::Program& program, std::span<std::byte> copies);

// Bytes that forward passes read: all but tables that are only looked up.
[[nodiscard]] Bytes touched_bytes(const Weights& weights, const models::Program& program);

// Of those, what one token reads at most: of experts, those that it is routed to.
[[nodiscard]] Bytes bytes_a_token(const Weights& weights, const models::Program& program);

}  // namespace linnet::engine
