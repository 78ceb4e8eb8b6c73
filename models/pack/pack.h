// Packs a model for the kernels, gives back what was packed, and checks a packed file's hashes.
//
// A packed model is a GGUF whose quantised matrices lie in panels, as opaque I8 tensors aligned to 4,096 bytes, with
// `linnet.pack.*` keys (`layout.h`) that tell what they were. Integers and scales stay what they are, except in tensors
// of the few types that no kernel reads: they are converted to the nearest type that one does (`conversion.h`), and
// reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/pack/hasher.h"
#include "runtime/base/result.h"

namespace linnet::pack {

// A tensor of a type that no kernel reads, and the type that it was given.
struct ConvertedTensor {
  std::string name;
  std::string_view from;
  std::string_view to;
  bool keeps_weights;  // Every weight kept its value.
};

// Something that travels with the weights, such as a tokenizer's lookup tables: the packer only stores it, as an opaque
// I8 tensor behind the model's own, aligned and hashed as they are. unpack() leaves it out.
struct Section {
  std::string_view name;  // Begins with kSectionPrefix.
  std::span<const std::byte> bytes;
};

struct PackSummary {
  std::size_t tensors = 0;
  std::size_t in_panels = 0;
  std::uint64_t file_bytes = 0;
  std::vector<ConvertedTensor> converted;
};

// What conversions there were, a line each kind: "12 tensors of type Q3_K became Q6_K, which keeps every weight\n".
[[nodiscard]] std::string conversion_text(std::span<const ConvertedTensor> converted);

// Writes `file` packed, the sections behind it. Beside the header it holds one band of rows (about 4 MiB) in memory.
// Errors: kUsage (already packed, no such layout), kUnsupported (a quantised type with neither kernels nor a
// conversion, by tensor and type name), kInterrupted, the sink's.
[[nodiscard]] Result<PackSummary> pack(const gguf::Reader& file, gguf::Sink& sink, Hasher& hasher,
                                       gguf::Progress progress, std::string_view layout = "panel16",
                                       std::span<const Section> sections = {});

// Writes the file that was packed: the same metadata and tensors, byte for byte; converted tensors stay so. Errors:
// kUsage (not packed), those of PackedView::open, kInterrupted, the sink's.
[[nodiscard]] Result<PackSummary> unpack(const gguf::Reader& file, gguf::Sink& sink, gguf::Progress progress);

// Compares every tensor's bytes with its hash; gives how many tensors there were. Errors: kMalformed (which tensor),
// kUsage (not packed), those of PackedView::open, kInterrupted.
[[nodiscard]] Result<std::size_t> verify(const gguf::Reader& file, Hasher& hasher, gguf::Progress progress);

}  // namespace linnet::pack
