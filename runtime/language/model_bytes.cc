#include "runtime/language/model_bytes.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>

#include "runtime/base/units.h"

namespace linnet::language {

MemoryFile::MemoryFile(MemoryFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MemoryFile::~MemoryFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<void> MemoryFile::reserve(std::uint64_t size) {
  assert(data_ == nullptr);
  void* memory =
      mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(ErrorKind::kExhausted, "packing into memory needs " + to_string(Bytes{size}) + ", which is not there");
  }
  data_ = static_cast<std::byte*>(memory);
  size_ = static_cast<std::size_t>(size);
  return {};
}

Result<void> MemoryFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  assert(offset <= size_ && bytes.size() <= size_ - offset);
  std::ranges::copy(bytes, data_ + offset);
  return {};
}

}  // namespace linnet::language
