// The architectures that this build knows: the one place where a new one is entered.
#pragma once

#include <span>
#include <string_view>

#include "models/gguf/reader.h"
#include "models/pack/packed_view.h"
#include "models/program.h"
#include "runtime/base/result.h"

namespace linnet::models {

// What an architecture reads: the header's keys, and the tensors by their shapes before packing. Borrows both.
struct ModelFile {
  const gguf::Reader& header;
  const pack::PackedView& tensors;
};

// One row of the table.
struct Architecture {
  std::string_view name;  // As `general.architecture` has it.
  Result<Program> (*read)(const ModelFile& file);
};

[[nodiscard]] std::span<const Architecture> architectures();

// The program of a file, without a fault. Errors: kUnsupported (no such architecture, or a variant of one), kMalformed
// (a key missing or senseless, a tensor missing, a vocabulary of another size).
[[nodiscard]] Result<Program> read_program(const ModelFile& file);

}  // namespace linnet::models
