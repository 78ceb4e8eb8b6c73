// Any bytes as a model file, through to the first logits: refused with a line, or computed, never a crash.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/pack/pack.h"
#include "models/pack/packed_view.h"
#include "runtime/engine/generator.h"

namespace linnet {
namespace {

class NoHasher final : public pack::Hasher {
 public:
  void begin() override {}
  void update(std::span<const std::byte>) override {}
  [[nodiscard]] pack::Digest finish() override { return {}; }
};

void compute(std::span<const std::byte> model) {
  // Large enough for any real shape of the seeds, small enough that a huge declared one is refused.
  const engine::EngineOptions options{
      .max_batch_rows = 4, .threads = 1, .memory_budget = Bytes{std::uint64_t{64} << 20}};
  auto opened = engine::Engine::open(model, options);
  if (!opened) return;
  constexpr std::array<engine::TokenId, 3> kPrompt = {0, 1, 0};
  engine::GenerationOptions generation{.max_tokens = 2};
  generation.sampling.temperature = 1;
  auto generator = engine::Generator::start(*opened, kPrompt, generation);
  if (!generator) return;
  for (auto token = generator->next(); token && *token; token = generator->next()) {
  }
}

void run(std::span<const std::byte> bytes) {
  const auto reader = gguf::Reader::open(bytes);
  if (!reader) return;
  const auto view = pack::PackedView::open(*reader);
  if (!view || !view->needs_packing()) return compute(bytes);
  gguf::MemorySink sink;
  NoHasher hasher;
  if (pack::pack(*reader, sink, hasher, [](std::uint64_t, std::uint64_t) { return true; })) compute(sink.bytes());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A mapping is aligned; the fuzzer's buffer is not.
  constexpr std::align_val_t kPage{4096};
  auto* copy = static_cast<std::byte*>(::operator new(size + 1, kPage));
  std::memcpy(copy, data, size);
  run({copy, size});
  ::operator delete(copy, kPage);
  return 0;
}

}  // namespace linnet
