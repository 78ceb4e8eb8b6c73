// A model with float weights opened for the quantiser: mapped as it is, or unpacked from a zstd stream first.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/open_model.h"

namespace linnet::cli {

// Opens `path`. Where its name ends with ".zst", it is unpacked as a stream (some MiB of memory, whatever window up to
// 128 MiB the frame asks for) into a file beside `output` that has no name any more when this returns: it takes the
// model's size on disk until the result is closed. Errors, with the path: kMalformed (no zstd, or damaged), kExhausted
// (no room), kIo, kInterrupted, those of open_as_it_is.
[[nodiscard]] Result<ModelFile> open_float_model(const std::string& path, const std::string& output,
                                                 const Console& console);

}  // namespace linnet::cli
