// The factors of every fold that a model allows, found by sampling its weights. Private to models/quantize.
#pragma once

#include <span>

#include "models/gguf/reader.h"
#include "models/quantize/input_statistics.h"
#include "models/quantize/scaling.h"
#include "models/quantize/target.h"

namespace linnet::quantize {

// `statistics` has moments. A fold is left out where its matrices do not become integers or its producer is not there.
[[nodiscard]] FactorsByName choose_factors(const gguf::Reader& file, std::span<const Target> targets,
                                           const InputStatistics& statistics, unsigned threads);

}  // namespace linnet::quantize
