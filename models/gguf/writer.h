// Writes a GGUF file (version 3, little-endian) to a Sink: metadata and tensor shapes first, then data in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "runtime/base/result.h"

namespace linnet::gguf {

// The order of calls: set metadata and add tensors, begin(), write() the tensors' bytes, and, where values were only
// known then, set them again (same size) and rewrite_header(). Keeps the header in memory, never tensor data. What it
// writes, Reader reads: names, counts and sizes are held to the same limits.
class Writer {
 public:
  // `alignment` (a power of two from 8) is where tensors start; begin() sets general.alignment to it, where it is not
  // 32 or the key is there.
  explicit Writer(std::uint32_t alignment = kDefaultAlignment);

  // Sets a key; one that is there already keeps its place and takes the new value.
  void set_u32(std::string_view key, std::uint32_t value);
  void set_u64(std::string_view key, std::uint64_t value);
  void set_f32(std::string_view key, float value);
  void set_boolean(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);
  void set_u64s(std::string_view key, std::span<const std::uint64_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  // The entry as another file has it.
  void copy(const Entry& entry);

  // Appends a tensor; `dims` has 1 to 4 entries, dims[0] contiguous. Gives its index for write(). Errors: kMalformed
  // (rows that are no whole blocks, a size over 64 bits, a name that is empty, too long or taken).
  [[nodiscard]] Result<std::size_t> add_tensor(std::string_view name, TensorType type,
                                               std::span<const std::uint64_t> dims);

  // Lays the file out, reserves its size and writes the header. Nothing can be added after it. Errors: the sink's.
  [[nodiscard]] Result<void> begin(Sink& sink);

  // Writes bytes of tensor `index`, `offset` bytes into it. Threads may write different parts. Errors: the sink's.
  [[nodiscard]] Result<void> write(Sink& sink, std::size_t index, std::uint64_t offset,
                                   std::span<const std::byte> bytes) const;

  // Writes the header again after begin(), with keys set to values of the same size. Errors: the sink's.
  [[nodiscard]] Result<void> rewrite_header(Sink& sink) const;

  [[nodiscard]] std::size_t tensor_count() const { return tensors_.size(); }
  [[nodiscard]] std::uint64_t tensor_bytes(std::size_t index) const { return tensors_[index].size; }
  // The whole file; valid after begin().
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct EncodedEntry {
    std::string key;
    std::vector<std::byte> value;  // Type and payload as in the file.
  };
  struct PlacedTensor {
    std::string name;
    TensorType type = TensorType::kF32;
    std::vector<std::uint64_t> dims;
    std::uint64_t offset = 0;  // From the start of the tensor data.
    std::uint64_t size = 0;
  };

  void set(std::string_view key, std::vector<std::byte> value);
  [[nodiscard]] std::vector<std::byte> encode_header() const;

  std::uint32_t alignment_;
  std::vector<EncodedEntry> entries_;
  std::unordered_map<std::string, std::size_t> entry_index_;
  std::vector<PlacedTensor> tensors_;
  std::unordered_map<std::string, std::size_t> tensor_index_;
  std::uint64_t data_size_ = 0;   // Of all tensors with the padding after each.
  std::uint64_t data_start_ = 0;  // 0 until begin().
  std::uint64_t file_bytes_ = 0;
};

}  // namespace linnet::gguf
