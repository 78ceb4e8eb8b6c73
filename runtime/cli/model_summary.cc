#include "runtime/cli/model_summary.h"

#include <array>
#include <cstdio>

namespace linnet::cli {

Result<ModelSummary> summarise(const gguf::Reader& file, const pack::PackedView& tensors) {
  ModelSummary summary;
  LINNET_TRY(const auto architecture, file.string_or("general.architecture", ""));
  LINNET_TRY(const auto name, file.string_or("general.name", ""));
  summary.architecture = architecture;
  summary.name = name;
  summary.file_size = Bytes{file.file_bytes()};
  summary.packed = tensors.packed();
  for (const pack::PackedTensor& tensor : tensors.tensors()) {
    if (pack::is_section(*tensor.stored)) continue;  // The tokenizer's tables are no parameters.
    const std::uint64_t weights = tensor.rows() * tensor.columns();
    FormatShare& share = summary.formats[tensor.type->name];
    ++share.tensors;
    share.weights += weights;
    share.size += Bytes{tensor.stored->data.size()};
    summary.parameters += weights;
  }
  return summary;
}

std::string count_text(std::uint64_t count) {
  if (count < 1'000'000) return std::to_string(count);
  const bool billions = count >= 1'000'000'000;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", static_cast<double>(count) / (billions ? 1e9 : 1e6),
                billions ? "billion" : "million");
  return text.data();
}

std::string printable(std::string_view name) {
  std::string text;
  for (const char character : name) {
    const auto code = static_cast<unsigned char>(character);
    // Bytes from 0x80 on are parts of UTF-8; those of the C1 controls (U+0080 to U+009F) start with 0xC2.
    if (code >= 0x20 && code != 0x7F && code != 0xC2) {
      text += character;
      continue;
    }
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), "\\x%02x", code);
    text += escape.data();
  }
  return text;
}

std::string shape_text(const pack::PackedTensor& tensor) {
  std::string text = "[";
  for (std::uint32_t i = 0; i < tensor.rank; ++i) text += (i == 0 ? "" : ", ") + std::to_string(tensor.dims[i]);
  return text + "]";
}

}  // namespace linnet::cli
