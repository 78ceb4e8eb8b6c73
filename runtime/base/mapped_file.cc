#include "runtime/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/pages.h"

namespace linnet {
namespace {

ErrorKind kind_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return ErrorKind::kAbsent;
  return error == EACCES || error == EPERM ? ErrorKind::kDenied : ErrorKind::kIo;
}

tl::unexpected<Error> system_failure(const std::string& path, int error) {
  return fail(kind_of(error), path + ": " + std::strerror(error));
}

}  // namespace

void MappedPages::drop(std::span<const std::byte> part) const {
  const auto pages = whole_pages(part);
  if (pages.empty() || descriptor < 0) return;
  // A mapped page stays in the cache whatever is advised, so out of the mapping first.
  madvise(const_cast<std::byte*>(pages.data()), pages.size(), MADV_DONTNEED);
  posix_fadvise(descriptor, pages.data() - bytes.data(), static_cast<off_t>(pages.size()), POSIX_FADV_DONTNEED);
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  MappedFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC), nullptr, 0);
  struct stat status {};
  if (file.descriptor_ < 0 || fstat(file.descriptor_, &status) != 0) return system_failure(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::kMalformed, path + ": not a regular file");
  if (status.st_size == 0) return fail(ErrorKind::kMalformed, path + ": the file is empty");

  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor_, 0);
  if (data == MAP_FAILED) return system_failure(path, errno);
  file.data_ = static_cast<const std::byte*>(data);
  file.size_ = size;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace linnet
