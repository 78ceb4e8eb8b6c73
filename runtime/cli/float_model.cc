#include "runtime/cli/float_model.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Error system_error(const std::string& path, int code) {
  const ErrorKind kind = code == ENOSPC || code == EDQUOT ? ErrorKind::kExhausted
                         : code == ENOENT                 ? ErrorKind::kAbsent
                                                          : ErrorKind::kIo;
  return {kind, path + ": " + std::strerror(code)};
}

// A file that goes with this: by then it is mapped, or the attempt has failed.
class TemporaryFile {
 public:
  static Result<TemporaryFile> create(const std::string& beside) {
    std::string path = beside + ".unpacked.XXXXXX";
    const int descriptor = mkstemp(path.data());
    if (descriptor < 0) return tl::unexpected(system_error(path, errno));
    return TemporaryFile(std::move(path), fdopen(descriptor, "wb"));
  }
  TemporaryFile(TemporaryFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), file_(std::exchange(other.file_, nullptr)) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (file_ != nullptr) std::fclose(file_);
    if (!path_.empty()) unlink(path_.c_str());
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Result<void> write(const void* bytes, std::size_t size) {
    if (std::fwrite(bytes, 1, size, file_) == size) return {};
    return tl::unexpected(system_error(path_, errno));
  }
  [[nodiscard]] Result<void> finish() {
    if (std::fclose(std::exchange(file_, nullptr)) == 0) return {};
    return tl::unexpected(system_error(path_, errno));
  }

 private:
  TemporaryFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  std::FILE* file_;
};

// Unpacks one piece of input. `needed` is what zstd expects next: 0 at the end of a frame.
Result<void> unpack_piece(ZSTD_DStream& stream, ZSTD_inBuffer input, std::vector<char>& buffer, TemporaryFile& target,
                          std::size_t& needed) {
  bool full = false;
  while (input.pos < input.size || full) {
    ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
    needed = ZSTD_decompressStream(&stream, &output, &input);
    if (ZSTD_isError(needed) != 0) return fail(ErrorKind::kMalformed, ZSTD_getErrorName(needed));
    LINNET_CHECK(target.write(buffer.data(), output.pos));
    full = output.pos == output.size;
  }
  return {};
}

Result<void> unpack(const std::string& path, TemporaryFile& target, const Console& console) {
  const File source(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!source) return tl::unexpected(system_error(path, errno));
  struct stat about {};
  if (fstat(fileno(source.get()), &about) != 0) return tl::unexpected(system_error(path, errno));
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  std::vector<char> input(ZSTD_DStreamInSize());
  std::vector<char> output(ZSTD_DStreamOutSize());
  ProgressBar bar(console, "unpacking");
  std::uint64_t done = 0;
  std::size_t needed = 1;  // An empty file is no frame.
  for (std::size_t size = 0; (size = std::fread(input.data(), 1, input.size(), source.get())) != 0;) {
    auto piece = unpack_piece(*stream, {input.data(), size, 0}, output, target, needed);
    if (!piece) return tl::unexpected(with_context(path, piece.error()));
    bar.update(done += size, static_cast<std::uint64_t>(about.st_size));
    if (console.stop_requested()) return interrupted();
  }
  if (std::ferror(source.get()) != 0) return tl::unexpected(system_error(path, EIO));
  if (needed != 0) return fail(ErrorKind::kMalformed, path + ": the zstd stream ends in the middle");
  return target.finish();
}

}  // namespace

Result<ModelFile> open_float_model(const std::string& path, const std::string& output, const Console& console) {
  if (!path.ends_with(".zst")) return open_as_it_is(path);
  LINNET_TRY(auto unpacked, TemporaryFile::create(output));
  LINNET_CHECK(unpack(path, unpacked, console));
  auto model = open_as_it_is(unpacked.path());
  if (!model) return tl::unexpected(content_error(path, model.error()));
  model->path = path;
  return model;
}

}  // namespace linnet::cli
