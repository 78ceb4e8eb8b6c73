// The anonymous memory of this process against the printed plan, after the context was filled once.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "hal/cpu.h"
#include "models/synthetic/make_model.h"
#include "runtime/engine/generator.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

constexpr synthetic::Shape kShape{.name = "memory-test",
                                  .architecture = "qwen2",
                                  .vocabulary_family = synthetic::VocabularyFamily::kTiny,
                                  .vocabulary = 8192,
                                  .layers = 8,
                                  .width = 256,
                                  .feed_forward = 1024,
                                  .heads = 8,
                                  .kv_heads = 4,
                                  .head_width = 32,
                                  .context = 4096,
                                  .rope_base = 10000,
                                  .epsilon = 1e-6F,
                                  .tied = false};

// Writes the packed model; in a process of its own, whose memory does not count.
int write_model(const std::string& path) {
  const auto go_on = [](std::uint64_t, std::uint64_t) { return true; };
  gguf::MemorySink plain;
  gguf::MemorySink packed;
  NoHasher hasher;
  if (!synthetic::make_model(kShape, gguf::TensorType::kQ4_0, 1, plain, go_on)) return 1;
  const auto reader = gguf::Reader::open(plain.bytes());
  if (!reader || !pack::pack(*reader, packed, hasher, go_on)) return 1;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(packed.bytes().data()), static_cast<std::streamsize>(packed.bytes().size()));
  return file.flush() ? 0 : 1;
}

Bytes anonymous_memory() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Anonymous:")) return {std::stoull(line.substr(10)) * 1024};
  }
  return {0};
}

// Fills every sequence to the last position, in full batches, with as many logits as a step may give.
void fill(Engine& engine) {
  const EngineOptions& options = engine.options();
  std::vector<BatchRow> rows;
  rows.reserve(options.max_batch_rows);
  for (std::size_t s = 0; s < options.max_sequences; ++s) {
    const auto sequence = engine.begin_sequence();
    ASSERT_TRUE(sequence);
    for (std::size_t position = 0; position < options.context;) {
      rows.clear();
      while (rows.size() < options.max_batch_rows && position < options.context) {
        const bool wants = rows.size() < options.max_outputs;
        rows.push_back(
            {static_cast<TokenId>(position * 31 % 8192), *sequence, static_cast<std::uint32_t>(position), wants});
        ++position;
      }
      const auto logits = engine.step(rows);
      ASSERT_TRUE(logits) << logits.error().message;
      Sampler sampler({.temperature = 1});
      ASSERT_TRUE(sampler.sample(logits->row(0), {}, engine.sampler_scratch()));
    }
  }
}

class MemoryTruth : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    path_ = (std::filesystem::temp_directory_path() / ("linnet-memory-" + std::to_string(getpid()))).string();
    const pid_t child = fork();
    if (child == 0) _exit(write_model(path_));
    int status = 1;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove(path_); }

  static void expect_truth(EngineOptions options) {
    const char* emulator = std::getenv("LINNET_EMULATOR");
    if (emulator != nullptr && *emulator != '\0') GTEST_SKIP() << "the emulator's memory would be measured";
    options.cpu = hal::detect_cpu_features();
    auto engine = Engine::open(path_, options);
    ASSERT_TRUE(engine) << engine.error().message;
    fill(*engine);
    const auto planned = static_cast<double>(engine->plan().total(MemoryKind::kAnonymous).count);
    const auto measured = static_cast<double>(anonymous_memory().count);
    std::printf("%s[ FIGURES  ] planned %.2f MiB, measured %.2f MiB\n", to_text(engine->plan()).c_str(),
                planned / 1048576, measured / 1048576);
    EXPECT_LE(std::abs(planned - measured), std::max(0.05 * planned, 2.0 * 1048576));
  }

  static std::string path_;
};
std::string MemoryTruth::path_;

TEST_F(MemoryTruth, OneLongSequence) { expect_truth({.context = 2048, .threads = 2}); }

TEST_F(MemoryTruth, ManySequencesAndLargeBatches) {
  expect_truth({.context = 512, .max_sequences = 8, .max_batch_rows = 512, .max_outputs = 64, .threads = 3});
}

TEST_F(MemoryTruth, OneThreadAndAContextThatIsNoWholePage) { expect_truth({.context = 700, .threads = 1}); }

}  // namespace
}  // namespace linnet::engine::test
