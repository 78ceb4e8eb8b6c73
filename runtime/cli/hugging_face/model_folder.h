// A folder as Hugging Face's transformers saves a model: config.json, safetensors files, the tokenizer's files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/safetensors/safetensors.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::cli::hugging_face {

// Owns the mappings that the tensors' bytes lie in.
struct ModelFolder {
  std::string path;
  templates::Value config;
  std::optional<templates::Value> tokenizer;         // tokenizer.json
  std::optional<templates::Value> tokenizer_config;  // tokenizer_config.json
  std::optional<std::string> chat_template;          // chat_template.jinja
  std::vector<MappedFile> mappings;
  std::vector<safetensors::Tensor> tensors;

  [[nodiscard]] const safetensors::Tensor* find(std::string_view name) const;  // Or null.
};

// Reads model.safetensors, or the files that model.safetensors.index.json names. Errors, with the file: kAbsent,
// kMalformed, kUnsupported, kIo.
[[nodiscard]] Result<ModelFolder> open_folder(const std::string& path);

}  // namespace linnet::cli::hugging_face
