// What the engine reads in place of a plain or compressed model file: a copy in the cache directory, or in memory.
#include <unistd.h>

#include "models/gguf/atomic_file.h"
#include "models/pack/blake2b.h"
#include "models/pack/layout.h"
#include "models/pack/pack.h"
#include "models/pack/packed_view.h"
#include "runtime/language/compressed.h"
#include "runtime/language/model_cache.h"
#include "runtime/language/model_file.h"
#include "runtime/text/tables_builder.h"

namespace linnet::language {
namespace {

// Writes the packed form of `plain` to `sink`.
Result<void> pack_to(gguf::Sink& sink, const ModelFile& plain, PreparationWatcher& watcher) {
  const auto progress = [&](std::uint64_t done, std::uint64_t all) { return watcher.packing(done, all); };
  auto packed = pack_model(*plain.header, sink, progress);
  if (!packed) return tl::unexpected(rewriting_error(plain.path, packed.error()));
  std::string conversions = pack::conversion_text(packed->converted);
  while (!conversions.empty()) {
    const std::size_t end = conversions.find('\n');
    watcher.note(conversions.substr(0, end));
    conversions.erase(0, end + 1);
  }
  return {};
}

// Where the copy of a model lies. A later part of a split file that changes gives the model another place.
Result<CachePlace> place_of_copy(const std::string& path, std::span<const FilePart> other_parts) {
  std::string layout =
      std::string(name_of(pack::Layout::kPanels)) + "." + std::to_string(std::uint32_t{pack::kVersion});
  for (const FilePart& part : other_parts) layout += "+" + file_state(part.path);
  return cache_place(path, layout);
}

// The copy that is already in the cache, if it is there and whole.
std::optional<ModelFile> find_copy(const CachePlace& place) {
  if (access(place.path.c_str(), F_OK) != 0) return std::nullopt;
  auto copy = open_as_it_is(place.path);
  if (copy && needs_packing(*copy) == false) return std::move(*copy);
  return std::nullopt;
}

Result<ModelFile> make_copy(const CachePlace& place, const ModelFile& plain, PreparationWatcher& watcher) {
  LINNET_CHECK(make_cache_folder(place.folder));
  LINNET_TRY(auto file, gguf::AtomicFile::create(place.path));
  watcher.note("packing " + plain.path + " once into " + place.path);
  LINNET_CHECK(pack_to(file, plain, watcher));
  LINNET_CHECK(file.commit());
  drop_stale_copies(place);
  return open_as_it_is(place.path);
}

Result<ModelFile> copy_in_cache(const ModelFile& plain, PreparationWatcher& watcher) {
  LINNET_TRY(const CachePlace place, place_of_copy(plain.path, plain.other_parts));
  if (auto copy = find_copy(place)) return std::move(*copy);
  return make_copy(place, plain, watcher);
}

Result<ModelFile> copy_in_memory(const ModelFile& plain, std::optional<Bytes> limit, PreparationWatcher& watcher) {
  const Bytes size{plain.header->file_bytes()};
  if (limit && size > *limit) {
    return fail(ErrorKind::kExhausted, plain.path + ": packing it into memory needs about " + to_string(size) +
                                           " and there are " + to_string(*limit) +
                                           "; run linnet pack to a disk with room, once, and use that file");
  }
  watcher.note("packing " + plain.path + " into memory: it costs " + to_string(size) +
               " of memory that no other process shares, and this work at each start");
  MemoryFile memory;
  LINNET_CHECK(pack_to(memory, plain, watcher));
  return open_unnamed(plain.path, std::move(memory));
}

// Whether a copy in memory helps after the cache failed: what is wrong with the model, or a stop, remains.
bool is_about_the_disk(ErrorKind kind) {
  return kind == ErrorKind::kExhausted || kind == ErrorKind::kIo || kind == ErrorKind::kDenied ||
         kind == ErrorKind::kAbsent;
}

Result<ModelFile> decompress_in_cache(const std::string& path, bool for_engine, PreparationWatcher& watcher) {
  LINNET_TRY(const CachePlace place, place_of_copy(path, {}));
  if (auto copy = for_engine ? find_copy(place) : std::nullopt) {
    copy->path = path;
    return std::move(*copy);
  }
  LINNET_CHECK(make_cache_folder(place.folder));
  LINNET_TRY(auto file, gguf::AtomicFile::create(place.path));
  LINNET_TRY(ModelFile model, decompress_to_disk(path, file, watcher));
  LINNET_TRY(const bool to_pack, needs_packing(model));
  if (!for_engine || to_pack) return model;
  watcher.note("keeping " + path + " decompressed as " + place.path);
  LINNET_CHECK(file.commit());
  drop_stale_copies(place);
  model.mapped_path = place.path;
  return model;
}

}  // namespace

Result<ModelFile> open_source(const std::string& path, const SourceOptions& options, PreparationWatcher& watcher) {
  if (!is_compressed(path)) return open_as_it_is(path);
  if (options.cache == CacheUse::kAllowed) {
    auto model = decompress_in_cache(path, options.for_engine, watcher);
    if (model || !is_about_the_disk(model.error().kind)) return model;
    if (access(path.c_str(), R_OK) != 0) return model;  // It is the model that is not there.
    watcher.note("decompressing " + path + " into memory, for no file can be kept: " + model.error().message);
  }
  return decompress_to_memory(path, options.memory_limit, watcher);
}

Result<pack::PackSummary> pack_model(const gguf::Reader& header, gguf::Sink& sink, gguf::Progress progress) {
  pack::Blake2b hasher;
  const auto tables = text::build_tables(header);
  // A vocabulary that is absent or unknown takes nothing from the weights: what needs it will say what is wrong.
  if (!tables) return pack::pack(header, sink, hasher, progress);
  const pack::Section section{text::kTablesTensor, tables->bytes()};
  return pack::pack(header, sink, hasher, progress, name_of(pack::Layout::kPanels), std::span(&section, 1));
}

Result<ModelFile> packed_copy(const ModelFile& plain, CacheUse cache, std::optional<Bytes> memory_limit,
                              PreparationWatcher& watcher) {
  if (cache == CacheUse::kForbidden) return copy_in_memory(plain, memory_limit, watcher);
  auto copy = copy_in_cache(plain, watcher);
  if (copy) {
    copy->path = plain.path;
    return copy;
  }
  if (!is_about_the_disk(copy.error().kind)) return copy;
  watcher.note("no packed copy can be kept: " + copy.error().message);
  return copy_in_memory(plain, memory_limit, watcher);
}

}  // namespace linnet::language
