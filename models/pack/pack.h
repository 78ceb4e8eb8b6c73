// Packs a model for the kernels, gives back what was packed, and checks a packed file's hashes.
//
// A packed model is a GGUF whose quantised matrices lie in panels, as opaque I8 tensors aligned to 4,096 bytes, with
// `linnet.pack.*` keys (`layout.h`) that tell what they were. Integers and scales stay what they are.
#pragma once

#include <cstddef>
#include <string_view>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/pack/hasher.h"
#include "runtime/base/result.h"

namespace linnet::pack {

struct PackSummary {
  std::size_t tensors = 0;
  std::size_t in_panels = 0;
  std::uint64_t file_bytes = 0;
};

// Writes `file` packed. Beside the header it holds one band of rows (about 4 MiB) in memory. Errors: kUsage (already
// packed, no such layout), kUnsupported (a quantised type without kernels, by tensor and type name), kInterrupted, the
// sink's.
[[nodiscard]] Result<PackSummary> pack(const gguf::Reader& file, gguf::Sink& sink, Hasher& hasher,
                                       gguf::Progress progress, std::string_view layout = "panel16");

// Writes the file that was packed: the same metadata and tensors, byte for byte. Errors: kUsage (not packed), those of
// PackedView::open, kInterrupted, the sink's.
[[nodiscard]] Result<PackSummary> unpack(const gguf::Reader& file, gguf::Sink& sink, gguf::Progress progress);

// Compares every tensor's bytes with its hash; gives how many tensors there were. Errors: kMalformed (which tensor),
// kUsage (not packed), those of PackedView::open, kInterrupted.
[[nodiscard]] Result<std::size_t> verify(const gguf::Reader& file, Hasher& hasher, gguf::Progress progress);

}  // namespace linnet::pack
