// Model files compressed with Zstandard: "model.gguf.zst".
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "models/gguf/atomic_file.h"
#include "models/gguf/sink.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/language/model_file.h"
#include "runtime/language/preparation.h"

namespace linnet::language {

// Whether a path's name says that it is compressed.
[[nodiscard]] bool is_compressed(std::string_view path);

// Writes what the frames in `bytes` hold, piece by piece: 128 KiB and the window that a frame asks for, at most
// 128 MiB, whatever the size. The sink refuses a size that it has no room for before anything is written; frames that
// do not tell their size are read twice. Errors: kMalformed (no Zstandard frames, or damaged ones), kInterrupted, the
// sink's.
[[nodiscard]] Result<void> decompress(std::span<const std::byte> bytes, gguf::Sink& sink, gguf::Progress progress);

// The model in a compressed file, decompressed into `file`, which needs no name (commit) for it: the mapping keeps the
// bytes on the disk. Errors, with the path: those of decompress, MappedFile and gguf::Reader.
[[nodiscard]] Result<ModelFile> decompress_to_disk(const std::string& path, gguf::AtomicFile& file,
                                                   PreparationWatcher& watcher);

// The same into anonymous memory, which may take at most `limit`. Errors: kExhausted too.
[[nodiscard]] Result<ModelFile> decompress_to_memory(const std::string& path, std::optional<Bytes> limit,
                                                     PreparationWatcher& watcher);

}  // namespace linnet::language
