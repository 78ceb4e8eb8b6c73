// Fuzz target: any valid GGUF, packed or not, is refused or gives weights whose every byte may be read and unpacked.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "models/pack/pack.h"
#include "models/pack/packed_view.h"

namespace linnet::pack {
namespace {

volatile float g_seen = 0;  // Keeps the reads below from being optimised away.

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

void require(bool holds) {
  if (!holds) std::abort();
}

// Not a hash: the target is the reader.
class Xor final : public Hasher {
 public:
  void begin() override { digest_ = {}; }
  void update(std::span<const std::byte> bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) digest_[i % digest_.size()] ^= bytes[i];
  }
  Digest finish() override { return digest_; }

 private:
  Digest digest_{};
};

// Reads the last row as a kernel would: it lies deepest in the bytes.
void read_last_row(const WeightData& weight) {
  std::vector<float> row(weight.columns);
  if (weight.layout == Layout::kPanels) {
    require(weight.data.size() == kernels::panel_bytes(weight.format, weight.rows, weight.columns));
    kernels::dequantize_panel_row(weight.format, weight.data.data(), weight.rows - 1, weight.columns, row.data());
  } else {
    const std::size_t row_bytes = kernels::row_bytes(weight.format, weight.columns);
    require(weight.data.size() == weight.rows * row_bytes);
    const std::byte* last = weight.data.data() + (weight.rows - 1) * row_bytes;
    kernels::dequantize_row(weight.format, last, weight.columns, row.data());
  }
  g_seen = row.back();
}

// What was unpacked packs to the same panels again, unless padding rows of the panels held something.
void round_trip(const gguf::Reader& file) {
  Xor hasher;
  (void)verify(file, hasher, kGoOn);
  gguf::MemorySink plain;
  if (!unpack(file, plain, kGoOn)) return;
  const auto reader = gguf::Reader::open(plain.bytes());
  require(reader.has_value());
  gguf::MemorySink packed;
  const auto again = pack(*reader, packed, hasher, kGoOn);
  require(again.has_value() || again.error().kind == ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace linnet::pack

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reader = linnet::gguf::Reader::open(std::as_bytes(std::span(data, size)));
  if (!reader) return 0;
  const auto view = linnet::pack::PackedView::open(*reader);
  if (!view) return 0;
  for (const auto& tensor : view->tensors()) {
    const auto weight = view->weight(tensor.stored->name);
    if (weight) linnet::pack::read_last_row(*weight);
  }
  if (view->packed()) linnet::pack::round_trip(*reader);
  return 0;
}
