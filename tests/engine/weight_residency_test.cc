// Weights that do not all fit: the same bits, and the page cache holds what it was said to hold.
#include "runtime/engine/weight_residency.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "hal/cpu.h"
#include "models/synthetic/make_model.h"
#include "runtime/base/pages.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr synthetic::Shape kShape{.name = "residency-test",
                                  .architecture = "qwen2",
                                  .vocabulary_family = synthetic::VocabularyFamily::kTiny,
                                  .vocabulary = 4096,
                                  .layers = 6,
                                  .width = 512,
                                  .feed_forward = 2048,
                                  .heads = 8,
                                  .kv_heads = 4,
                                  .head_width = 64,
                                  .context = 512,
                                  .rope_base = 10000,
                                  .epsilon = 1e-6F,
                                  .tied = true};

// About 16 MiB of packed weights in a file that the disk has.
class WeightResidencyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    path_ = testing::TempDir() + "residency-" + std::to_string(getpid()) + ".gguf";
    gguf::MemorySink plain;
    ASSERT_TRUE(synthetic::make_model(kShape, gguf::TensorType::kQ4_0, 1, plain,
                                      [](std::uint64_t, std::uint64_t) { return true; }));
    const auto bytes = packed(plain.bytes());
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes->bytes().data()),
               static_cast<std::streamsize>(bytes->bytes().size()));
    sync();
  }
  static void TearDownTestSuite() { unlink(path_.c_str()); }

  static Engine open(std::size_t threads, EngineOptions options = {}) {
    options.context = 64;
    options.max_batch_rows = options.max_outputs = 8;
    options.threads = threads;
    options.cpu = hal::detect_cpu_features();
    auto engine = Engine::open(path_, options);
    EXPECT_TRUE(engine) << engine.error().message;
    return *std::move(engine);
  }
  static std::vector<float> logits(Engine& engine) {
    const std::vector<TokenId> tokens = {1, 20, 300, 4000, 5, 60, 700, 8, 9, 10, 11};
    return all_logits(engine, tokens, 4);
  }

  static std::string path_;
};
std::string WeightResidencyTest::path_;

TEST_F(WeightResidencyTest, AnyRoomGivesTheSameBits) {
  Engine whole = open(1);
  const auto expected = logits(whole);
  for (const std::size_t threads : {1U, 3U}) {
    Engine engine = open(threads);
    for (const std::uint64_t room : {std::uint64_t{0}, 3 * kMiB, 9 * kMiB, 64 * kMiB, 5 * kMiB}) {
      engine.hold_weights({room});
      EXPECT_EQ(logits(engine), expected) << threads << " threads, room of " << room;
    }
  }
}

TEST_F(WeightResidencyTest, WhatDoesNotFitIsReadAgain) {
  Engine engine = open(2);
  const Bytes all = engine.plan().touched_weights;
  EXPECT_EQ(engine.metrics().streamed_weights.count, 0u);
  const Bytes streamed = engine.hold_weights({all.count / 2});
  EXPECT_GT(streamed.count, all.count / 2);
  EXPECT_LT(streamed.count, all.count / 2 + 2 * kMiB);
  EXPECT_EQ(engine.metrics().streamed_weights, streamed);
  EXPECT_EQ(engine.hold_weights({all.count / 2 + 64 * 1024}), streamed) << "not for a little more";
  EXPECT_LT(engine.hold_weights({all.count * 3 / 4}).count, streamed.count);
  EXPECT_EQ(engine.hold_weights({all.count + kMiB}).count, 0u);
}

// Seen by another mapping of the file.
TEST_F(WeightResidencyTest, ThePageCacheHoldsNoMore) {
  const char* emulator = std::getenv("LINNET_EMULATOR");
  if (emulator != nullptr && *emulator != '\0') GTEST_SKIP() << "the emulator keeps advice on reading ahead to itself";
  const auto other = MappedFile::open(path_);
  ASSERT_TRUE(other);
  other->pages().drop(other->bytes());
  const auto cached = [&] { return resident_bytes(other->bytes()); };
  if (cached() > page_size()) GTEST_SKIP() << "this file system (or the emulator) keeps its pages";
  Engine engine = open(2);
  const std::uint64_t room = engine.plan().touched_weights.count / 2;
  engine.hold_weights({room});
  for (int round = 0; round < 3; ++round) logits(engine);
  EXPECT_LE(cached(), room);
  EXPECT_GE(cached(), room * 3 / 4) << "most of the room is used";
  engine.hold_weights({64 * kMiB});
  logits(engine);
  EXPECT_GT(cached(), room * 3 / 2) << "everything stays again";
}

TEST_F(WeightResidencyTest, AnEngineThatHasTooLittleMemoryBeginsSo) {
  Engine roomy = open(1, {.available_memory = Bytes{std::uint64_t{1} << 40}});
  EXPECT_EQ(roomy.metrics().streamed_weights.count, 0u);
  EXPECT_TRUE(roomy.notes().empty());
  const Bytes own = roomy.plan().total(MemoryKind::kAnonymous);
  Engine tight = open(1, {.available_memory = own + Bytes{4 * kMiB}});
  EXPECT_GT(tight.metrics().streamed_weights.count, 0u);
  ASSERT_EQ(tight.notes().size(), 1u);
  EXPECT_NE(tight.notes()[0].find("read again for each token"), std::string::npos) << tight.notes()[0];
  EXPECT_EQ(logits(tight), logits(roomy));
}

TEST_F(WeightResidencyTest, WishesChangeNoBits) {
  Engine plain = open(1);
  Engine wished = open(2, {.memory = {.lock = true, .huge_pages = true, .read_ahead = true}});
  EXPECT_EQ(logits(wished), logits(plain));
  for (const std::string& note : wished.notes()) EXPECT_GT(note.size(), 20u) << "a refusal is told in words";
}

TEST_F(WeightResidencyTest, ReadingAheadCanBeStopped) {
  class Stop final : public LoadWatcher {
    bool loading(std::uint64_t, std::uint64_t) override { return false; }
  } stop;
  EngineOptions options{.memory = {.read_ahead = true}, .watcher = &stop};
  options.context = 64;
  options.threads = 1;
  const auto engine = Engine::open(path_, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::kInterrupted);
}

// Where there is no file to read from again, nothing is dropped.
TEST(WeightResidency, BytesThatAreInMemoryStay) {
  const auto model = load_model("llama-q4_0");
  Engine engine = open_model(*model, {.max_outputs = 3});
  EXPECT_EQ(engine.hold_weights({0}).count, 0u);
  const std::vector<MappedPages> no_file = {{.bytes = model->bytes()}};
  Engine told = open_model(*model, {.max_outputs = 3, .files = no_file});
  EXPECT_EQ(told.hold_weights({0}).count, 0u);
  const std::vector<TokenId> tokens = {1, 2, 3};
  EXPECT_EQ(all_logits(told, tokens, 3), all_logits(engine, tokens, 3));
}

}  // namespace
}  // namespace linnet::engine::test
