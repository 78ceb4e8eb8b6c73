// A file that appears whole or not at all: written without a name, then synced and put in place in one step.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "models/gguf/sink.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/result.h"

namespace linnet::gguf {

// Until commit() the bytes belong to a file without a name (O_TMPFILE), so that not even a power cut leaves anything
// behind; where the file system has no such files, to a hidden one beside the target that the destructor removes.
// Renaming over a model that is mapped leaves the mapping as it was.
class AtomicFile final : public Sink {
 public:
  // How the unfinished file lies on disk. kNamed is what file systems without O_TMPFILE get; tests ask for it.
  enum class Unfinished : std::uint8_t { kUnnamed, kNamed };

  // Errors: kAbsent (no such folder), kDenied, kIo; kUsage where `path` is there and not a regular file.
  [[nodiscard]] static Result<AtomicFile> create(std::string path, Unfinished form = Unfinished::kUnnamed);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  // Without commit() the bytes are gone and the target is untouched.
  ~AtomicFile() override;

  // Refuses with both numbers where the file system has less free space; else allocates it.
  [[nodiscard]] Result<void> reserve(std::uint64_t size) override;
  [[nodiscard]] Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;

  // Maps what was written, with a name or without: the mapping outlives this file.
  [[nodiscard]] Result<MappedFile> map() const;

  // Syncs the bytes, gives them their name and syncs the folder. Errors: kExhausted, kIo; the target is then untouched.
  [[nodiscard]] Result<void> commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
  [[nodiscard]] tl::unexpected<Error> failure(int error) const;
  [[nodiscard]] Result<void> give_name();

  std::string path_;
  std::string temporary_;  // The hidden name while it exists, else empty.
  int descriptor_ = -1;
};

}  // namespace linnet::gguf
