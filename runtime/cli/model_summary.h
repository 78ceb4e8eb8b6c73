// What a model file is, in figures: counted from its header alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "models/gguf/reader.h"
#include "models/pack/packed_view.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet::cli {

// The tensors of one format.
struct FormatShare {
  std::size_t tensors = 0;
  std::uint64_t weights = 0;
  Bytes size;  // As they lie in the file.
};

struct ModelSummary {
  std::string architecture;  // Empty where the header names none.
  std::string name;
  std::uint64_t parameters = 0;
  Bytes file_size;
  bool packed = false;
  std::map<std::string_view, FormatShare> formats;  // By the name of the format before packing.
};

// Errors: kMalformed where a key has the wrong type.
[[nodiscard]] Result<ModelSummary> summarise(const gguf::Reader& file, const pack::PackedView& tensors);

// "1.54 billion", "8.20 million", "512".
[[nodiscard]] std::string count_text(std::uint64_t count);

// A name out of a file with everything but printable characters escaped: nothing of it steers the terminal.
[[nodiscard]] std::string printable(std::string_view name);

// "[4096, 256]": GGUF's order, the contiguous dimension first.
[[nodiscard]] std::string shape_text(const pack::PackedTensor& tensor);

}  // namespace linnet::cli
