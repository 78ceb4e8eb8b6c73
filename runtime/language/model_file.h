// A model file opened for a command: as it is, or in the form that the kernels read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/gguf/reader.h"
#include "models/pack/pack.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/language/model_bytes.h"
#include "runtime/language/preparation.h"

namespace linnet::language {

// A part of a split file, after the first.
struct FilePart {
  std::string path;
  MappedFile mapped;
};

// Owns the bytes; the header borrows them and stays in its place, because views borrow it in turn.
struct ModelFile {
  std::string path;         // As the person wrote it.
  std::string mapped_path;  // What is mapped: the path, or its packed copy; empty where the bytes are in memory.
  ModelBytes bytes;
  std::unique_ptr<const gguf::Reader> header;
  std::vector<FilePart> other_parts = {};  // Of a split file, whose header then speaks of all.

  [[nodiscard]] bool in_memory() const { return std::holds_alternative<MemoryFile>(bytes); }
  // Of all parts.
  [[nodiscard]] std::vector<MappedPages> pages() const;
};

// Maps the file, or all parts of a split file whose first is named, and reads the header. Errors, with the path: those
// of MappedFile and gguf::Reader; kMalformed (parts that do not fit together), kUsage (a part that is not the first).
[[nodiscard]] Result<ModelFile> open_as_it_is(const std::string& path);

// A model that was written to memory or to a file without a name. Errors, with the path: those of gguf::Reader.
[[nodiscard]] Result<ModelFile> open_unnamed(const std::string& path, ModelBytes bytes);

// An error of what a model file holds: with its path, and never "absent", which is for files.
[[nodiscard]] Error content_error(const std::string& path, Error error);

// The error of rewriting `input`: names it where the model is at fault; a sink that fails has named its own file.
[[nodiscard]] Error rewriting_error(const std::string& input, Error error);

// Whether the file must be packed before the engine can read it. Errors: those of pack::PackedView::open.
[[nodiscard]] Result<bool> needs_packing(const ModelFile& file);

// Packs the file, with the lookup tables of its tokenizer where this build knows it, so that a start maps them.
// In packed_copy.cc. Errors: those of pack::pack.
[[nodiscard]] Result<pack::PackSummary> pack_model(const gguf::Reader& header, gguf::Sink& sink,
                                                   gguf::Progress progress);

enum class CacheUse : unsigned char { kAllowed, kForbidden };

// How a model is opened whose file may be compressed.
struct SourceOptions {
  bool for_engine = false;  // A copy that the engine can read will do, and is kept; else the bytes of the model itself.
  CacheUse cache = CacheUse::kAllowed;
  std::optional<Bytes> memory_limit = {};
};

// open_as_it_is, and for a compressed file its decompressed bytes: on the disk of the cache directory, without a name;
// where none can be written (or may be), in memory, which may take at most `memory_limit`. For the engine, a copy in
// the cache directory is taken instead, and what needs no packing is kept there. In packed_copy.cc. Errors: those of
// open_as_it_is and decompress.
[[nodiscard]] Result<ModelFile> open_source(const std::string& path, const SourceOptions& options,
                                            PreparationWatcher& watcher);

// What the engine reads in place of `plain`, which needs packing: its packed copy, out of the cache directory or made
// now; where no copy can be kept, one in memory, which may take at most `memory_limit`. Tells the watcher what it
// does. Errors: kUnsupported (tensor type), kExhausted, kInterrupted, those above. In packed_copy.cc, apart from what
// the engine library uses: hashing needs libsodium.
[[nodiscard]] Result<ModelFile> packed_copy(const ModelFile& plain, CacheUse cache, std::optional<Bytes> memory_limit,
                                            PreparationWatcher& watcher);

}  // namespace linnet::language
