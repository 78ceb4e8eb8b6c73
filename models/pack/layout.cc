#include "models/pack/layout.h"

#include <algorithm>
#include <array>

#include "models/pack/conversion.h"

namespace linnet::pack {
namespace {

constexpr std::string_view kTokenEmbedding = "token_embd.weight";
constexpr std::string_view kOutputHead = "output.weight";
// Tables that are only looked up (BERT's positions and segments).
constexpr std::array<std::string_view, 2> kTables = {"position_embd.weight", "token_types.weight"};

}  // namespace

std::string_view name_of(Layout layout) { return layout == Layout::kPanels ? "panel16" : "rows"; }

std::optional<Layout> find_layout(std::string_view name) {
  for (const Layout layout : {Layout::kRows, Layout::kPanels}) {
    if (name == name_of(layout)) return layout;
  }
  return std::nullopt;
}

std::optional<kernels::Format> kept_format(gguf::TensorType type) {
  const auto formats = kernels::all_formats();
  const auto name = gguf::info(type).name;
  const auto found =
      std::ranges::find(formats, name, [](kernels::Format format) { return kernels::info(format).name; });
  if (found == formats.end()) return std::nullopt;
  return *found;
}

bool is_matrix(const gguf::Reader& file, const gguf::Tensor& tensor) {
  if ((tensor.rank != 2 && tensor.rank != 3) || !tensor.name.ends_with(".weight")) return false;
  if (tensor.name == kTokenEmbedding) return file.find_tensor(kOutputHead) == nullptr;
  return std::ranges::find(kTables, tensor.name) == kTables.end();
}

std::optional<kernels::Format> packed_format(gguf::TensorType type) {
  const Conversion* conversion = find_conversion(type);
  return conversion != nullptr ? conversion->to : kept_format(type);
}

Layout packed_layout(const gguf::Reader& file, const gguf::Tensor& tensor) {
  const auto format = packed_format(tensor.type->type);
  const bool panels = format && kernels::info(*format).panel_block_bytes != 0 && is_matrix(file, tensor);
  return panels ? Layout::kPanels : Layout::kRows;
}

bool is_packed(const gguf::Reader& file) { return file.contains(kVersionKey); }

bool is_section(const gguf::Tensor& tensor) { return tensor.name.starts_with(kSectionPrefix); }

}  // namespace linnet::pack
