// A file mapped read-only and shared: its pages belong to the page cache, not to this process.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/base/result.h"

namespace linnet {

// Owns the mapping. The bytes may vanish if another process truncates the file: reading them then raises SIGBUS,
// which the program answers (`runtime/cli/bus_error.h`): the mapping itself cannot.
class MappedFile {
 public:
  // Maps the whole file. Errors: kAbsent, kDenied, kIo, kMalformed (empty, or not a regular file).
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace linnet
