#include "runtime/language/model_file.h"

#include "models/pack/packed_view.h"
#include "runtime/language/split_file.h"

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

// The name of a part must say what its keys say: the names of the others follow from it.
Result<SplitName> split_name(const ModelFile& file) {
  const auto count = file.header->u32("split.count");
  if (!count) return tl::unexpected(with_context(file.path, count.error()));
  const auto name = parse_split_name(file.path);
  if (!name || name->count != *count) {
    return fail(ErrorKind::kMalformed, file.path + ": is one of " + std::to_string(*count) +
                                           " parts of a model, and is not named NAME-00001-of-NNNNN.gguf as such");
  }
  if (name->part == 1) return *name;
  return fail(ErrorKind::kUsage, file.path + ": name the first part of the model, " + name->path_of(1));
}

Result<FilePart> map_part(std::string path) {
  LINNET_TRY(MappedFile mapped, MappedFile::open(path));
  return FilePart{std::move(path), std::move(mapped)};
}

// Maps parts 2 … of a split file whose first part is `file`, and joins the headers.
Result<ModelFile> with_other_parts(ModelFile file) {
  LINNET_TRY(const SplitName name, split_name(file));
  std::vector<gguf::Reader> readers{*file.header};
  for (std::uint32_t part = 2; part <= name.count; ++part) {
    LINNET_TRY(FilePart next, map_part(name.path_of(part)));
    auto reader = gguf::Reader::open(next.mapped.bytes());
    if (!reader) return tl::unexpected(with_context(next.path, reader.error()));
    readers.push_back(std::move(*reader));
    file.other_parts.push_back(std::move(next));
  }
  auto whole = gguf::Reader::join(readers);
  if (!whole) return tl::unexpected(with_context(file.path, whole.error()));
  file.header = std::make_unique<const gguf::Reader>(std::move(*whole));
  return file;
}

}  // namespace

std::vector<MappedPages> ModelFile::pages() const {
  const auto* mapped = std::get_if<MappedFile>(&bytes);
  std::vector<MappedPages> pages{mapped != nullptr ? mapped->pages() : MappedPages{bytes_of(bytes)}};
  for (const FilePart& part : other_parts) pages.push_back(part.mapped.pages());
  return pages;
}

Result<ModelFile> open_as_it_is(const std::string& path) {
  LINNET_TRY(MappedFile mapped, MappedFile::open(path));
  LINNET_TRY(ModelFile file, with_header(path, std::move(mapped)));
  if (!file.header->contains("split.count")) return file;
  return with_other_parts(std::move(file));
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

Result<ModelFile> open_unnamed(const std::string& path, ModelBytes bytes) {
  LINNET_TRY(ModelFile file, with_header(path, std::move(bytes)));
  file.mapped_path.clear();
  return file;
}

}  // namespace linnet::language
