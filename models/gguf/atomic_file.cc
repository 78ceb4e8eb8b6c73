#include "models/gguf/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/base/checked.h"
#include "runtime/base/units.h"

namespace linnet::gguf {
namespace {

constexpr mode_t kMode = 0644;

ErrorKind kind_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return ErrorKind::kAbsent;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorKind::kDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorKind::kExhausted;
    default: return ErrorKind::kIo;
  }
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A hidden name beside the target, random so that processes do not share it and nothing left by a crash is in its way.
std::string temporary_name(const std::string& path) {
  std::uint32_t random = 0;
  if (getentropy(&random, sizeof(random)) != 0) random = static_cast<std::uint32_t>(getpid());
  const auto slash = path.rfind('/');
  const auto start = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, start) + "." + path.substr(start) + "." + std::to_string(random) + ".partial";
}

int open_named(const std::string& temporary) {
  return ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
}

// Errors that mean "no files without a name here" rather than "nothing can be written here".
bool lacks_unnamed_files(int error) { return error == EOPNOTSUPP || error == EISDIR || error == EINVAL; }

// Whether the folder's entries are on disk; file systems that cannot sync a folder (EINVAL) have nothing to do.
bool sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;
  const int error = errno;
  close(descriptor);
  errno = error;
  return synced;
}

}  // namespace

tl::unexpected<Error> AtomicFile::failure(int error) const {
  return fail(kind_of(error), path_ + ": " + std::strerror(error));
}

Result<AtomicFile> AtomicFile::create(std::string path, Unfinished form) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::kUsage, path + ": not a regular file; name another output");
  }
  int descriptor = -1;
  if (form == Unfinished::kUnnamed) {
    descriptor = ::open(folder_of(path).c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, kMode);
    if (descriptor < 0 && !lacks_unnamed_files(errno)) return fail(kind_of(errno), path + ": " + std::strerror(errno));
  }
  std::string temporary;
  if (descriptor < 0) {
    temporary = temporary_name(path);
    descriptor = open_named(temporary);
    if (descriptor < 0) return fail(kind_of(errno), path + ": " + std::strerror(errno));
  }
  return AtomicFile(std::move(path), std::move(temporary), descriptor);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  if (descriptor_ >= 0) close(descriptor_);
}

Result<void> AtomicFile::reserve(std::uint64_t size) {
  struct statvfs space {};
  if (fstatvfs(descriptor_, &space) != 0) return failure(errno);
  const auto free_bytes = checked_multiply(space.f_bavail, space.f_frsize);
  if (free_bytes && size > *free_bytes) {
    return fail(ErrorKind::kExhausted, path_ + ": " + to_string(Bytes{size}) + " are needed and " +
                                           to_string(Bytes{*free_bytes}) + " are free; make room or name another disk");
  }
  const auto length = checked_narrow<off_t>(size);
  if (!length) return failure(EFBIG);
  if (*length == 0) return {};
  // Not posix_fallocate: where the file system cannot allocate, that one writes the whole file once.
  while (fallocate(descriptor_, 0, 0, *length) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return failure(errno);
    if (ftruncate(descriptor_, *length) != 0) return failure(errno);
    break;
  }
  return {};
}

Result<void> AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure(written == 0 ? EIO : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

// Gives the unnamed file its hidden name; rename() then replaces a target, which linkat() cannot.
Result<void> AtomicFile::give_name() {
  if (!temporary_.empty()) return {};
  std::string name = temporary_name(path_);
  const std::string self = "/proc/self/fd/" + std::to_string(descriptor_);
  if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) return failure(errno);
  temporary_ = std::move(name);
  return {};
}

Result<MappedFile> AtomicFile::map() const {
  auto mapped = MappedFile::open("/proc/self/fd/" + std::to_string(descriptor_));
  if (!mapped) return tl::unexpected(with_context(path_, mapped.error()));
  return mapped;
}

Result<void> AtomicFile::commit() {
  if (fsync(descriptor_) != 0) return failure(errno);
  LINNET_CHECK(give_name());
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return failure(errno);
  temporary_.clear();
  if (!sync_folder(folder_of(path_))) return failure(errno);
  return {};
}

}  // namespace linnet::gguf
