// How a packed file names its layouts and keys, and which tensors are laid out anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/formats/format.h"
#include "models/gguf/reader.h"

namespace linnet::pack {

// How a tensor's bytes lie.
enum class Layout : std::uint8_t {
  kRows,    // As in any GGUF: row after row.
  kPanels,  // Panels of 16 rows (ARCHITECTURE, "Panels: the one weight layout").
};

// What the files call them: "rows", "panel16".
[[nodiscard]] std::string_view name_of(Layout layout);
[[nodiscard]] std::optional<Layout> find_layout(std::string_view name);

// Keys of a packed file. The arrays have one element a tensor (dims: four), in the order of the tensors.
inline constexpr std::string_view kKeyPrefix = "linnet.pack.";              // Other linnet.* keys are the model's own.
inline constexpr std::string_view kSectionPrefix = "linnet.";               // Of tensors that are no weights.
inline constexpr std::string_view kVersionKey = "linnet.pack.version";      // uint32, kVersion.
inline constexpr std::string_view kLayoutKey = "linnet.pack.layout";        // The layout of matrices: "panel16".
inline constexpr std::string_view kAlignmentKey = "linnet.pack.alignment";  // general.alignment before, 0: no key.
inline constexpr std::string_view kNamesKey = "linnet.pack.tensor.names";   // Strings.
inline constexpr std::string_view kTypesKey = "linnet.pack.tensor.types";   // The types in rows: "Q4_0".
inline constexpr std::string_view kDimsKey = "linnet.pack.tensor.dims";     // uint64, 4 a tensor; 0 past the rank.
inline constexpr std::string_view kLayoutsKey = "linnet.pack.tensor.layouts";  // Strings.
inline constexpr std::string_view kHashesKey = "linnet.pack.tensor.blake2b";   // BLAKE2b-256 of the bytes, hex.
// Only where a tensor was converted: the types before that, empty strings where they are the same.
inline constexpr std::string_view kConvertedKey = "linnet.pack.tensor.converted";
inline constexpr std::uint32_t kVersion = 1;

// The kernels' format of a tensor type, or nothing where no kernel reads it. Formats and types meet by name, so that a
// format that joins the kernels is packed too.
[[nodiscard]] std::optional<kernels::Format> kept_format(gguf::TensorType type);

// The format that a tensor type has once it is packed: its own, or what it is converted to; nothing where it can be
// neither. Integer types are carried along and have none.
[[nodiscard]] std::optional<kernels::Format> packed_format(gguf::TensorType type);

// Whether the tensor is multiplied (a matrix) rather than looked up by row or applied as a vector: two dimensions,
// named "….weight", and not a table of embeddings; the token embedding is a matrix where it is also the output head.
[[nodiscard]] bool is_matrix(const gguf::Reader& file, const gguf::Tensor& tensor);

// kPanels for a matrix whose format has panels.
[[nodiscard]] Layout packed_layout(const gguf::Reader& file, const gguf::Tensor& tensor);

[[nodiscard]] bool is_packed(const gguf::Reader& file);

// Whether packing added the tensor: it is no part of the model.
[[nodiscard]] bool is_section(const gguf::Tensor& tensor);

}  // namespace linnet::pack
