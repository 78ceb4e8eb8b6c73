// A file mapped read-only and shared: its pages belong to the page cache, not to this process.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/base/result.h"

namespace linnet {

// A mapped file for who drops its pages: valid as long as the mapping. Copies are alike.
struct MappedPages {
  std::span<const std::byte> bytes;
  int descriptor = -1;  // None where the bytes are in anonymous memory after all: nothing is dropped then.

  // Takes the whole pages of `part`, which lies in `bytes`, out of this process, and out of the page cache unless
  // another one uses them: they are read from the file again when somebody needs them.
  void drop(std::span<const std::byte> part) const;
};

// Owns the mapping and the open file. The bytes may vanish if another process truncates the file: reading them then
// raises SIGBUS, which the program answers (`runtime/cli/bus_error.h`): the mapping itself cannot.
class MappedFile {
 public:
  // Maps the whole file. Errors: kAbsent, kDenied, kIo, kMalformed (empty, or not a regular file).
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] MappedPages pages() const { return {bytes(), descriptor_}; }

 private:
  MappedFile(int descriptor, const std::byte* data, std::size_t size)
      : descriptor_(descriptor), data_(data), size_(size) {}

  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace linnet
