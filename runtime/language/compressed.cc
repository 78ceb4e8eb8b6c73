#include "runtime/language/compressed.h"

#include <zstd.h>

#include <memory>
#include <utility>
#include <vector>

#include "runtime/base/checked.h"

namespace linnet::language {
namespace {

struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

tl::unexpected<Error> damaged(const char* why) {
  return fail(ErrorKind::kMalformed, std::string("not whole Zstandard data: ") + why);
}

// Hands on the decompressed bytes in pieces. A stream wants nothing more when the input ends with a whole frame.
template <class Use>
Result<void> for_pieces(std::span<const std::byte> bytes, Use use) {
  const std::unique_ptr<ZSTD_DStream, FreeStream> stream(ZSTD_createDStream());
  if (!stream) return fail(ErrorKind::kExhausted, "no memory to decompress with");
  std::vector<std::byte> piece(ZSTD_DStreamOutSize());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::size_t wanted = 1;
  while (in.pos < in.size || wanted != 0) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    const std::size_t before = in.pos;
    wanted = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(wanted) != 0) return damaged(ZSTD_getErrorName(wanted));
    if (out.pos == 0 && in.pos == before) return damaged("it ends too early");
    LINNET_CHECK(use(std::span(piece).first(out.pos), in.pos));
  }
  return {};
}

// What the frames say that they hold together; nothing where one does not say.
Result<std::optional<std::uint64_t>> told_size(std::span<const std::byte> bytes) {
  std::uint64_t size = 0;
  while (!bytes.empty()) {
    const std::size_t frame = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
    if (ZSTD_isError(frame) != 0) return damaged("its frames are cut or of another format");
    const unsigned long long told = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    const auto sum = checked_add(size, std::uint64_t{told});
    if (told == ZSTD_CONTENTSIZE_UNKNOWN) return std::nullopt;
    if (told == ZSTD_CONTENTSIZE_ERROR || !sum) return damaged("it says no sensible size");
    size = *sum;
    bytes = bytes.subspan(frame);
  }
  return size;
}

Result<std::uint64_t> decompressed_size(std::span<const std::byte> bytes) {
  LINNET_TRY(const auto told, told_size(bytes));
  if (told) return *told;
  std::uint64_t size = 0;
  const auto count = [&size](std::span<const std::byte> piece, std::size_t) -> Result<void> {
    size += piece.size();
    return {};
  };
  LINNET_CHECK(for_pieces(bytes, count));
  return size;
}

// Memory that refuses to grow past what a person allows.
class LimitedMemory final : public gguf::Sink {
 public:
  explicit LimitedMemory(std::optional<Bytes> limit) : limit_(limit) {}

  Result<void> reserve(std::uint64_t size) override {
    if (!limit_ || Bytes{size} <= *limit_) return memory_.reserve(size);
    return fail(ErrorKind::kExhausted, "decompressing it into memory needs " + to_string(Bytes{size}) +
                                           " and there are " + to_string(*limit_) +
                                           "; decompress it to a disk with room, once, and use that file");
  }
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return memory_.write_at(offset, bytes);
  }
  [[nodiscard]] MemoryFile take() { return std::move(memory_); }

 private:
  std::optional<Bytes> limit_;
  MemoryFile memory_;
};

// An error that is the model's names it; a sink's has named its own file, or is of memory.
Result<void> decompress_file(const std::string& path, gguf::Sink& sink, PreparationWatcher& watcher) {
  LINNET_TRY(const MappedFile compressed, MappedFile::open(path));
  const auto progress = [&](std::uint64_t done, std::uint64_t all) { return watcher.unpacking(done, all); };
  auto done = decompress(compressed.bytes(), sink, progress);
  return done ? done : tl::unexpected(rewriting_error(path, done.error()));
}

}  // namespace

bool is_compressed(std::string_view path) { return path.ends_with(".zst"); }

Result<void> decompress(std::span<const std::byte> bytes, gguf::Sink& sink, gguf::Progress progress) {
  LINNET_TRY(const std::uint64_t size, decompressed_size(bytes));
  if (size == 0) return damaged("it holds nothing");
  LINNET_CHECK(sink.reserve(size));
  std::uint64_t written = 0;
  const auto write = [&](std::span<const std::byte> piece, std::size_t read) -> Result<void> {
    if (piece.size() > size - written) return damaged("it holds more than it says");
    LINNET_CHECK(sink.write_at(written, piece));
    written += piece.size();
    return gguf::report(progress, read, bytes.size());
  };
  LINNET_CHECK(for_pieces(bytes, write));
  return written == size ? Result<void>() : damaged("it holds less than it says");
}

Result<ModelFile> decompress_to_disk(const std::string& path, gguf::AtomicFile& file, PreparationWatcher& watcher) {
  LINNET_CHECK(decompress_file(path, file, watcher));
  LINNET_TRY(MappedFile mapped, file.map());
  return open_unnamed(path, std::move(mapped));
}

Result<ModelFile> decompress_to_memory(const std::string& path, std::optional<Bytes> limit,
                                       PreparationWatcher& watcher) {
  LimitedMemory memory(limit);
  auto done = decompress_file(path, memory, watcher);
  if (!done)
    return tl::unexpected(done.error().kind == ErrorKind::kExhausted ? with_context(path, done.error()) : done.error());
  return open_unnamed(path, memory.take());
}

}  // namespace linnet::language
