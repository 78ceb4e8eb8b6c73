#include "runtime/cli/hugging_face/model_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "models/gguf/reader.h"
#include "runtime/cli/text_file.h"
#include "runtime/text/template/json_read.h"

namespace linnet::cli::hugging_face {
namespace {

using templates::Kind;
using templates::Value;

constexpr std::string_view kIndex = "model.safetensors.index.json";

std::string in_folder(const std::string& folder, std::string_view name) { return folder + "/" + std::string(name); }

bool exists(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0;
}

Result<Value> read_json(const std::string& path) {
  LINNET_TRY(const std::string text, read_text_file(path));
  auto value = templates::parse_json(text);
  if (!value) return tl::unexpected(with_context(path, value.error()));
  return value;
}

Result<std::optional<Value>> read_json_if_there(const std::string& path) {
  if (!exists(path)) return std::nullopt;
  LINNET_TRY(Value value, read_json(path));
  return std::optional(std::move(value));
}

// The files' names: one, or those of the index, each once.
Result<std::set<std::string>> weight_files(const std::string& folder) {
  if (!exists(in_folder(folder, kIndex))) return std::set<std::string>{"model.safetensors"};
  LINNET_TRY(const Value index, read_json(in_folder(folder, kIndex)));
  const Value* map = index.is(Kind::kDict) ? index.as_dict().find("weight_map") : nullptr;
  std::set<std::string> names;
  if (map != nullptr && map->is(Kind::kDict)) {
    for (const auto& [tensor, file] : map->as_dict().entries()) {
      // A name of the folder and nothing that leads out of it.
      const bool plain = file.is(Kind::kString) && file.as_string().find('/') == std::string::npos;
      if (!plain) return fail(ErrorKind::kMalformed, in_folder(folder, kIndex) + ": a value is no file's name");
      names.insert(file.as_string());
    }
  }
  if (names.empty()) return fail(ErrorKind::kMalformed, in_folder(folder, kIndex) + ": names no files");
  return names;
}

Result<void> open_weights(const std::string& path, ModelFolder& folder, std::unordered_set<std::string_view>& names) {
  LINNET_TRY(auto mapping, MappedFile::open(path));
  auto file = safetensors::File::open(mapping.bytes());
  if (!file) return tl::unexpected(with_context(path, file.error()));
  for (const safetensors::Tensor& tensor : file->tensors()) {
    if (!names.insert(tensor.name).second) {
      return fail(ErrorKind::kMalformed, path + ": tensor " + gguf::quoted(tensor.name) + " is in another file too");
    }
    folder.tensors.push_back(tensor);
  }
  folder.mappings.push_back(std::move(mapping));
  return {};
}

}  // namespace

const safetensors::Tensor* ModelFolder::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &safetensors::Tensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

Result<ModelFolder> open_folder(const std::string& path) {
  ModelFolder folder;
  folder.path = path;
  if (!exists(in_folder(path, "config.json"))) {
    return fail(ErrorKind::kMalformed, path + ": not a regular file, nor a model's folder: it has no config.json");
  }
  LINNET_TRY(folder.config, read_json(in_folder(path, "config.json")));
  LINNET_TRY(folder.tokenizer, read_json_if_there(in_folder(path, "tokenizer.json")));
  LINNET_TRY(folder.tokenizer_config, read_json_if_there(in_folder(path, "tokenizer_config.json")));
  if (const auto file = in_folder(path, "chat_template.jinja"); exists(file)) {
    LINNET_TRY(folder.chat_template, read_text_file(file));
  }
  LINNET_TRY(const auto files, weight_files(path));
  std::unordered_set<std::string_view> names;
  for (const std::string& file : files) LINNET_CHECK(open_weights(in_folder(path, file), folder, names));
  return folder;
}

}  // namespace linnet::cli::hugging_face
