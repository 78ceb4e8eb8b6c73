// Reads a GGUF file (versions 2 and 3, little-endian) out of a span of bytes, usually a mapping.
//
// Opening checks every number of the header against the span, so that afterwards no metadata value and no tensor can
// reach outside it. Tensor data is never touched or copied. A file that breaks its format is refused with one line that
// says where (byte, key or tensor). Source: the GGUF specification (ggml/docs/gguf.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "models/gguf/tensor_type.h"
#include "models/gguf/value.h"
#include "runtime/base/result.h"

namespace linnet::gguf {

// Limits that hold before anything is allocated; published models stay far below them.
inline constexpr std::uint64_t kMaxEntries = 65'536;
inline constexpr std::uint64_t kMaxTensors = 65'536;
inline constexpr std::uint64_t kMaxKeyBytes = 65'535;
inline constexpr std::uint64_t kMaxTensorNameBytes = 255;
inline constexpr std::uint64_t kMaxStringBytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kMaxArrayElements = std::uint64_t{1} << 26;
inline constexpr std::uint32_t kMaxAlignment = 1U << 20;
inline constexpr std::uint32_t kDefaultAlignment = 32;

// A tensor of the file. Borrows the file's bytes.
struct Tensor {
  std::string_view name;
  const TensorTypeInfo* type = nullptr;
  std::uint32_t rank = 1;                            // 1 to 4.
  std::array<std::uint64_t, 4> dims = {1, 1, 1, 1};  // dims[0] is contiguous; those past rank are 1.
  std::uint64_t offset = 0;                          // Of `data` in the file.
  std::span<const std::byte> data;

  [[nodiscard]] std::uint64_t columns() const { return dims[0]; }
  // Rows of `columns` weights, all further dimensions together (cannot overflow: the header check multiplied them).
  [[nodiscard]] std::uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  [[nodiscard]] std::uint64_t weights() const { return rows() * columns(); }
};

// The header, parsed; values and tensors stay in the bytes, which must outlive the reader. Immutable: any number of
// threads may read.
//
// Getters fail with kMalformed where the key is missing, has another type, or does not fit; integers of any width
// convert where the value fits, floats come from float32 or float64 and must be finite. The `_or` forms give `fallback`
// where the key is missing and still fail where it is there and wrong.
class Reader {
 public:
  // Errors: kMalformed; kUnsupported for version 1, big-endian files, and tensor types without a known size.
  [[nodiscard]] static Result<Reader> open(std::span<const std::byte> bytes);

  // The parts of a split file as one: the keys of the first (without split.*), the tensors of all, in their order.
  // Borrows the bytes of all parts; bytes() is the first's. Errors: kMalformed (a part that says it is another one, or
  // of another number of parts or tensors; a tensor that two have).
  [[nodiscard]] static Result<Reader> join(std::span<const Reader> parts);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::uint32_t alignment() const { return alignment_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  // Of all parts.
  [[nodiscard]] std::uint64_t file_bytes() const { return bytes_.size() + other_bytes_; }
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }   // In the order of the file.
  [[nodiscard]] std::span<const Tensor> tensors() const { return tensors_; }  // In the order of the file, by offset.

  [[nodiscard]] const Entry* find(std::string_view key) const;              // Or null.
  [[nodiscard]] const Tensor* find_tensor(std::string_view name) const;     // Or null.
  [[nodiscard]] Result<const Tensor*> tensor(std::string_view name) const;  // kMalformed where there is none.
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }

  [[nodiscard]] Result<std::uint32_t> u32(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> u64(std::string_view key) const;
  [[nodiscard]] Result<std::int32_t> i32(std::string_view key) const;
  [[nodiscard]] Result<float> f32(std::string_view key) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> string(std::string_view key) const;

  [[nodiscard]] Result<std::uint32_t> u32_or(std::string_view key, std::uint32_t fallback) const;
  [[nodiscard]] Result<float> f32_or(std::string_view key, float fallback) const;
  [[nodiscard]] Result<bool> boolean_or(std::string_view key, bool fallback) const;
  [[nodiscard]] Result<std::string_view> string_or(std::string_view key, std::string_view fallback) const;

  [[nodiscard]] Result<StringArray> strings(std::string_view key) const;
  // Of any integer type; uint64 elements above the int64 range are refused.
  [[nodiscard]] Result<NumberArray<std::int64_t>> integers(std::string_view key) const;
  [[nodiscard]] Result<NumberArray<float>> floats(std::string_view key) const;
  [[nodiscard]] Result<NumberArray<bool>> booleans(std::string_view key) const;
  // The bytes of a uint8 or int8 array.
  [[nodiscard]] Result<std::span<const std::byte>> bytes_of(std::string_view key) const;

 private:
  friend class Parser;
  Reader() = default;
  [[nodiscard]] Result<const Value*> require(std::string_view key) const;
  [[nodiscard]] Result<const Value*> require_array(std::string_view key) const;

  std::span<const std::byte> bytes_;
  std::uint64_t other_bytes_ = 0;  // Of the parts after the first.
  std::uint32_t version_ = 0;
  std::uint32_t alignment_ = kDefaultAlignment;
  std::vector<Entry> entries_;
  std::vector<Tensor> tensors_;
  std::vector<std::uint32_t> entries_by_key_;   // Indices into entries_, keys ascending.
  std::vector<std::uint32_t> tensors_by_name_;  // Indices into tensors_, names ascending.
};

}  // namespace linnet::gguf
