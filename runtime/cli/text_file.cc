#include "runtime/cli/text_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace linnet::cli {
namespace {

constexpr std::uintmax_t kMaximum = std::uintmax_t{1} << 30;

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return fail(ErrorKind::kUsage, path + ": is a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const ErrorKind kind = errno == ENOENT ? ErrorKind::kAbsent : errno == EACCES ? ErrorKind::kDenied : ErrorKind::kIo;
    return fail(kind, path + ": " + std::strerror(errno));
  }
  const auto size = std::filesystem::file_size(path, ignored);  // Of a pipe: an error, and no size.
  if (!ignored && size > kMaximum) return fail(ErrorKind::kUsage, path + ": more than 1 GiB of text");
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return fail(ErrorKind::kIo, path + ": cannot be read");
  return text;
}

}  // namespace linnet::cli
