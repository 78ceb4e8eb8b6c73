// The weights of a model file, packed or plain, seen alike: format, layout, shape and bytes of each tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/formats/format.h"
#include "models/gguf/reader.h"
#include "models/pack/layout.h"
#include "runtime/base/result.h"

namespace linnet::pack {

// A tensor as it was before packing, and where its bytes are now.
struct PackedTensor {
  const gguf::Tensor* stored = nullptr;
  const gguf::TensorTypeInfo* type = nullptr;
  std::uint32_t rank = 1;
  std::array<std::uint64_t, 4> dims = {1, 1, 1, 1};  // dims[0] is contiguous.
  Layout layout = Layout::kRows;
  std::string_view hash;  // BLAKE2b-256 of stored->data in hex; empty in plain files.

  [[nodiscard]] std::uint64_t columns() const { return dims[0]; }
  [[nodiscard]] std::uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
};

// What a kernel is given: [rows, columns] in `format`, lying in `layout`.
struct WeightData {
  kernels::Format format = kernels::Format::kF32;
  Layout layout = Layout::kRows;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const std::byte> data;
};

// Borrows the reader's bytes, and the reader itself, which must not move. Immutable.
class PackedView {
 public:
  // Checks the `linnet.*` keys of a packed file against its tensors: names, types, sizes of the layouts. Errors:
  // kMalformed, kUnsupported (a later version or layout).
  [[nodiscard]] static Result<PackedView> open(const gguf::Reader& file);

  [[nodiscard]] bool packed() const { return packed_; }

  // Whether packing would lay out any tensor anew: such a file cannot be run as it is.
  [[nodiscard]] bool needs_packing() const;

  [[nodiscard]] std::span<const PackedTensor> tensors() const { return tensors_; }  // In the order of the file.
  [[nodiscard]] const PackedTensor* find(std::string_view name) const;              // Or null.

  // Errors: kMalformed (no such tensor), kUnsupported (a type that no kernel reads, by name; a quantised matrix in
  // rows: the file needs packing).
  [[nodiscard]] Result<WeightData> weight(std::string_view name) const;

 private:
  explicit PackedView(const gguf::Reader& file) : file_(&file) {}
  [[nodiscard]] Result<void> read_plain();
  [[nodiscard]] Result<void> read_packed();

  const gguf::Reader* file_;
  bool packed_ = false;
  std::vector<PackedTensor> tensors_;
};

}  // namespace linnet::pack
