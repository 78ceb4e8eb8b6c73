#include "runtime/language/model_file.h"

#include "models/pack/packed_view.h"

namespace linnet::language {
namespace {

Result<std::unique_ptr<const gguf::Reader>> read_header(std::span<const std::byte> bytes) {
  LINNET_TRY(gguf::Reader reader, gguf::Reader::open(bytes));
  return std::make_unique<const gguf::Reader>(std::move(reader));
}

Result<ModelFile> with_header(const std::string& path, ModelBytes bytes) {
  auto header = read_header(bytes_of(bytes));
  if (!header) return tl::unexpected(with_context(path, header.error()));
  const bool mapped = std::holds_alternative<MappedFile>(bytes);
  return ModelFile{path, mapped ? path : "", std::move(bytes), std::move(*header)};
}

}  // namespace

Result<ModelFile> open_as_it_is(const std::string& path) {
  LINNET_TRY(MappedFile mapped, MappedFile::open(path));
  return with_header(path, std::move(mapped));
}

Error content_error(const std::string& path, Error error) {
  if (error.kind == ErrorKind::kAbsent) error.kind = ErrorKind::kMalformed;
  return with_context(path, std::move(error));
}

Error rewriting_error(const std::string& input, Error error) {
  const bool of_model =
      error.kind == ErrorKind::kMalformed || error.kind == ErrorKind::kUnsupported || error.kind == ErrorKind::kUsage;
  return of_model ? with_context(input, std::move(error)) : error;
}

Result<bool> needs_packing(const ModelFile& file) {
  const auto view = pack::PackedView::open(*file.header);
  if (!view) return tl::unexpected(with_context(file.path, view.error()));
  return view->needs_packing();
}

Result<ModelFile> open_memory(const std::string& path, MemoryFile bytes) { return with_header(path, std::move(bytes)); }

}  // namespace linnet::language
