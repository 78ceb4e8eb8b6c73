// Chooses each matrix's type under a budget of bytes, by what rounding costs it. Private to models/quantize.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/gguf/reader.h"
#include "models/quantize/input_statistics.h"
#include "models/quantize/target.h"
#include "runtime/base/result.h"

namespace linnet::quantize {

// Raises the targets of matrices to types with more bits, where it saves most: the cost of a type is
// its relative squared error over at most 256 rows, at the layer's output (each column counting by its moment) where
// `statistics` has moments. `spare` is what the file may grow by, its padding to `alignment` counted. Notes on the
// targets that were raised say so.
void raise_types(const gguf::Reader& file, std::uint64_t spare, const InputStatistics* statistics, unsigned threads,
                 std::span<Target> targets);

}  // namespace linnet::quantize
