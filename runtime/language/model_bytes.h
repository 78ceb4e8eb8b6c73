// The bytes of a model: a mapped file, or anonymous memory where a model had to be packed without a disk.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <variant>

#include "models/gguf/sink.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/result.h"

namespace linnet::language {

// A file written into anonymous memory: page-aligned, as a mapping is. Owns the memory.
class MemoryFile final : public gguf::Sink {
 public:
  MemoryFile() = default;
  MemoryFile(MemoryFile&& other) noexcept;
  MemoryFile& operator=(MemoryFile&&) = delete;
  ~MemoryFile() override;

  [[nodiscard]] Result<void> reserve(std::uint64_t size) override;
  [[nodiscard]] Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

using ModelBytes = std::variant<MappedFile, MemoryFile>;

[[nodiscard]] inline std::span<const std::byte> bytes_of(const ModelBytes& model) {
  return std::visit([](const auto& source) { return source.bytes(); }, model);
}

}  // namespace linnet::language
