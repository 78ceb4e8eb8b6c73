#include "runtime/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "hal/cpu.h"
#include "runtime/engine/generator.h"
#include "runtime/engine/thread_pool.h"
#include "tests/engine/model_files.h"
#include "tests/models/edited_model.h"

namespace linnet::engine::test {
namespace {

using models::test::drop_tensor;
using models::test::EditedModel;
using models::test::EditedTensor;
using models::test::fill_floats;
using models::test::tensor_named;
using testing::HasSubstr;

using Tensors = std::vector<EditedTensor>;

// The error that the edits make open() give.
Error refusal_of(const std::string& name, const models::test::Edits& edits) {
  const EditedModel edited(name, edits);
  const auto engine = Engine::open(edited.bytes(), {.threads = 1});
  EXPECT_FALSE(engine);
  return engine ? Error{ErrorKind::kIo, "it was opened"} : engine.error();
}

Error refusal_of(const std::string& name, const std::function<void(Tensors&)>& edit) {
  return refusal_of(name, models::test::Edits{{}, {}, edit});
}

TEST(EngineOpen, AMissingTensorIsNamed) {
  const Error error = refusal_of("qwen2-f32", [](Tensors& t) { drop_tensor(t, "blk.1.attn_k.bias"); });
  EXPECT_EQ(error.kind, ErrorKind::kMalformed);
  EXPECT_THAT(error.message, HasSubstr("blk.1.attn_k.bias"));
}

// A layer count indexes fixed arrays elsewhere; here a layer that the file does not hold is missed by name, or the
// count refused.
TEST(Security, NoIdBlockCountBeyondTheLayersOfTheFile) {
  constexpr std::uint32_t kHuge = std::numeric_limits<std::uint32_t>::max();
  for (const std::uint32_t layers : {3U, 512U, 513U, 1U << 20, 1U << 31, kHuge}) {
    const auto count = [&](gguf::Writer& writer) { writer.set_u32("llama.block_count", layers); };
    const Error error = refusal_of("llama-f32", models::test::Edits{count});
    EXPECT_EQ(error.kind, ErrorKind::kMalformed) << layers;
    EXPECT_THAT(error.message, HasSubstr(layers > 512 ? "llama.block_count" : "blk.2.")) << layers;
  }
}

TEST(EngineOpen, AWrongShapeIsNamedWithBoth) {
  const Error error = refusal_of("llama-f32", [](Tensors& t) {
    auto& tensor = tensor_named(t, "blk.0.ffn_up.weight");
    std::swap(tensor.dims[0], tensor.dims[1]);
  });
  EXPECT_EQ(error.kind, ErrorKind::kMalformed);
  EXPECT_THAT(error.message, HasSubstr("blk.0.ffn_up.weight"));
  EXPECT_THAT(error.message, HasSubstr("64 x 96"));
  EXPECT_THAT(error.message, HasSubstr("96 x 64"));
}

TEST(EngineOpen, ATypeWithoutKernelsIsNamed) {
  const Error error =
      refusal_of("llama-f32", [](Tensors& t) { tensor_named(t, "blk.0.ffn_up.weight").type = gguf::TensorType::kI32; });
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("I32"));
}

TEST(EngineOpen, ATensorThatIsNoPartOfTheModelIsRefused) {
  const Error error = refusal_of("llama-f32", [](Tensors& t) {
    t.push_back(tensor_named(t, "blk.0.attn_norm.weight"));
    t.back().name = "blk.0.attn_output.bias";
  });
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("blk.0.attn_output.bias"));
}

TEST(EngineOpen, FactorsThatDivideNoAngleAreRefused) {
  for (const float factor : {0.0F, -1.0F, std::nanf(""), 1e30F}) {
    const Error error =
        refusal_of("llama-f32", [&](Tensors& t) { fill_floats(tensor_named(t, "rope_freqs.weight"), factor); });
    EXPECT_EQ(error.kind, ErrorKind::kMalformed);
    EXPECT_THAT(error.message, HasSubstr("rope_freqs.weight"));
  }
}

TEST(EngineOpen, AQuantisedFileMustBePacked) {
  const ModelBytes plain(read_file(data_path("llama-q4_0.gguf")));
  const auto engine = Engine::open(plain.bytes(), {});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(engine.error().message, HasSubstr("linnet pack"));
  const auto reader = gguf::Reader::open(plain.bytes());
  EXPECT_TRUE(Engine::plan(*reader, {}));  // What it would cost can be told all the same.
}

TEST(EngineOpen, MissingAndWrongFiles) {
  const auto absent = Engine::open(data_path("no-such-file.gguf"), {});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, ErrorKind::kAbsent);
  const auto text = Engine::open(data_path("make_tiny_models.py"), {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kMalformed);
  EXPECT_THAT(text.error().message, HasSubstr("make_tiny_models.py"));
}

TEST(EngineOpen, OptionsThatMakeNoSense) {
  const auto model = load_model("llama-f32");
  const auto kind_of = [&](const EngineOptions& options) {
    const auto engine = Engine::open(model->bytes(), options);
    return engine ? ErrorKind::kIo : engine.error().kind;
  };
  EXPECT_EQ(kind_of({.context = 1025}), ErrorKind::kUsage);  // The model was made for 1,024.
  EXPECT_EQ(kind_of({.max_sequences = 0}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.max_sequences = 1 << 20}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.max_batch_rows = 8193}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.max_batch_rows = 8, .max_outputs = 9}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.threads = 100000}), ErrorKind::kUsage);
}

TEST(EngineOpen, ForcedKernelsAreChosenOrRefused) {
  const auto model = load_model("llama-q4_0");
  const auto with = [&](std::string_view text) {
    return Engine::open(
        model->bytes(),
        {.threads = 1, .cpu = hal::detect_cpu_features(), .forced = *kernels::ForcedVariants::parse(text)});
  };
  const auto engine = with("matmul=scalar,attention=scalar");
  ASSERT_TRUE(engine) << engine.error().message;
  for (const ChosenKernel& kernel : engine->kernels()) {
    const bool forced = kernel.family == "matmul" || kernel.family == "attention";
    EXPECT_TRUE(!forced || kernel.variant == "scalar") << kernel.family;
  }
  for (const std::string_view text : {"matmull=scalar", "matmul=fastest"}) {
    const auto refused = with(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().kind, ErrorKind::kUsage);
  }
}

TEST(EngineOpen, ABudgetIsHeldWithNumbers) {
  const auto model = load_model("llama-f32");
  const auto needed = open_model(*model, {.context = 1024, .max_sequences = 200}).plan().budgeted();
  EXPECT_TRUE(
      Engine::open(model->bytes(), {.context = 1024, .max_sequences = 200, .threads = 1, .memory_budget = needed}));
  const Bytes budget{needed.count * 3 / 4};
  const auto refused =
      Engine::open(model->bytes(), {.context = 1024, .max_sequences = 200, .threads = 1, .memory_budget = budget});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr(to_string(needed)));
  EXPECT_THAT(refused.error().message, HasSubstr(to_string(budget)));
  // The context that it offers fits, and one page more does not.
  const auto offer = refused.error().message.find("a context of ");
  ASSERT_NE(offer, std::string::npos) << refused.error().message;
  const std::size_t context = std::stoul(refused.error().message.substr(offer + 13));
  ASSERT_LT(context, 1024u);
  const auto opens = [&](std::size_t positions) {
    return Engine::open(model->bytes(),
                        {.context = positions, .max_sequences = 200, .threads = 1, .memory_budget = budget})
        .has_value();
  };
  EXPECT_TRUE(opens(context));
  EXPECT_FALSE(opens(context + 1));
  const auto hopeless = Engine::open(model->bytes(), {.threads = 1, .memory_budget = Bytes{1000}});
  ASSERT_FALSE(hopeless);
  EXPECT_THAT(hopeless.error().message, HasSubstr("no context would fit"));
}

TEST(EngineOpen, DefaultsAreFilledIn) {
  const auto model = load_model("llama-f32");
  const auto engine = Engine::open(model->bytes(), {});
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->options().context, 1024u);
  EXPECT_EQ(engine->options().threads, usable_cores());
  EXPECT_EQ(engine->options().max_outputs, 1u);
}

class EngineStep : public testing::Test {
 protected:
  std::unique_ptr<ModelBytes> model_ = load_model("llama-f32");
  Engine engine_ = open_model(*model_, {.context = 40, .max_sequences = 2, .max_batch_rows = 16, .max_outputs = 3});
  SequenceId sequence_ = *engine_.begin_sequence();

  // The kind of error that a batch gets, after which nothing has changed.
  ErrorKind kind_of(std::vector<BatchRow> rows) {
    const std::size_t before = engine_.length(sequence_);
    const auto result = engine_.step(rows);
    EXPECT_FALSE(result);
    EXPECT_EQ(engine_.length(sequence_), before);
    return result ? ErrorKind::kIo : result.error().kind;
  }
};

TEST_F(EngineStep, RefusesRowsThatMakeNoSense) {
  const auto usage = ErrorKind::kUsage;
  EXPECT_EQ(kind_of({}), usage);
  EXPECT_EQ(kind_of(std::vector<BatchRow>(17)), usage);
  EXPECT_EQ(kind_of({{-1, sequence_, 0}}), usage);
  EXPECT_EQ(kind_of({{150, sequence_, 0}}), usage);
  EXPECT_EQ(kind_of({{std::numeric_limits<TokenId>::max(), sequence_, 0}}), usage);
  EXPECT_EQ(kind_of({{1, SequenceId{1}, 0}}), usage);  // Not begun.
  EXPECT_EQ(kind_of({{1, SequenceId{999999}, 0}}), usage);
  EXPECT_EQ(kind_of({{1, sequence_, 1}}), usage);
  EXPECT_EQ(kind_of({{1, sequence_, 0}, {1, sequence_, 0}}), usage);
  EXPECT_EQ(kind_of({{1, sequence_, 0}, {1, sequence_, 2}}), usage);
  EXPECT_EQ(kind_of({{1, sequence_, 0}, {150, sequence_, 1}}), usage);
  EXPECT_EQ(
      kind_of({{1, sequence_, 0, true}, {1, sequence_, 1, true}, {1, sequence_, 2, true}, {1, sequence_, 3, true}}),
      usage);
  EXPECT_TRUE(engine_.step(std::vector<BatchRow>{{1, sequence_, 0}, {2, sequence_, 1, true}}));
  EXPECT_EQ(engine_.length(sequence_), 2u);
}

TEST_F(EngineStep, AFullContextIsExhausted) {
  for (std::uint32_t position = 0; position < 40; ++position) {
    const BatchRow row{1, sequence_, position};
    ASSERT_TRUE(engine_.step({&row, 1}));
  }
  EXPECT_EQ(kind_of({{1, sequence_, 40}}), ErrorKind::kExhausted);
  engine_.truncate(sequence_, 39);
  EXPECT_TRUE(engine_.step(std::vector<BatchRow>{{1, sequence_, 39, true}}));
}

TEST_F(EngineStep, SequencesAreLimitedAndReturn) {
  const auto second = engine_.begin_sequence();
  ASSERT_TRUE(second);
  const auto third = engine_.begin_sequence();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::kBusy);
  engine_.end_sequence(sequence_);
  EXPECT_TRUE(engine_.begin_sequence());
}

TEST_F(EngineStep, OnlyWantedRowsGiveLogits) {
  const auto none = engine_.step(std::vector<BatchRow>{{1, sequence_, 0}, {2, sequence_, 1}});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->rows(), 0u);
  const auto two =
      engine_.step(std::vector<BatchRow>{{3, sequence_, 2, true}, {4, sequence_, 3}, {5, sequence_, 4, true}});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->rows(), 2u);
  EXPECT_EQ(two->width(), 150u);
}

TEST_F(EngineStep, MetricsCountPages) {
  EXPECT_EQ(engine_.metrics().pages, 2u);
  EXPECT_EQ(engine_.metrics().pages_in_use, 0u);
  ASSERT_TRUE(engine_.step(std::vector<BatchRow>{{3, sequence_, 0, true}}));
  EXPECT_EQ(engine_.metrics().pages_in_use, 1u);
  EXPECT_EQ(engine_.metrics().rows, 1u);
  engine_.end_sequence(sequence_);
  EXPECT_EQ(engine_.metrics().pages_in_use, 0u);
}

TEST_F(EngineStep, TheProfileCountsWork) {
  std::vector<StepCost> costs(engine_.program().steps.size());
  engine_.profile(costs);
  ASSERT_TRUE(engine_.step(std::vector<BatchRow>{{3, sequence_, 0}, {4, sequence_, 1, true}}));
  engine_.profile({});
  ASSERT_TRUE(engine_.step(std::vector<BatchRow>{{3, sequence_, 2, true}}));
  StepCost sum;
  for (const StepCost& cost : costs) {
    EXPECT_EQ(cost.calls, 1u);
    EXPECT_GE(cost.milliseconds, 0.0);
    sum.weight_bytes += cost.weight_bytes;
    sum.multiply_adds += cost.multiply_adds;
    sum.cache_bytes += cost.cache_bytes;
  }
  // Two layers of 64 x (64 + 32 + 32 + 64) + 3 x 64 x 96 weights for two rows, the head of 150 x 64 for one; attention:
  // 1 + 2 positions, 4 heads x 32 numbers, two layers.
  EXPECT_EQ(sum.multiply_adds, 2u * 2 * (64 * 192 + 3 * 64 * 96) + 150 * 64 + 2 * 3 * 4 * 32);
  EXPECT_EQ(sum.weight_bytes, 4u * (2 * (64 * 192 + 3 * 64 * 96) + 150 * 64 + 2 * 64));
  EXPECT_EQ(sum.cache_bytes, 2u * (2 + 3) * 2 * 32 * 2);  // Positions read, and the row's own written.
}

// A damaged model may compute nonsense; it must not crash, and the sampler says so.
TEST(HostileWeights, NotANumberIsRefusedByTheSampler) {
  for (const char* name : {"token_embd.weight", "blk.0.attn_norm.weight", "blk.1.ffn_down.weight", "output.weight"}) {
    for (const float bad : {std::nanf(""), INFINITY, 3e38F}) {
      const EditedModel edited("llama-f32", {{}, {}, [&](Tensors& t) { fill_floats(tensor_named(t, name), bad); }});
      for (const CpuFeatures& cpu : {CpuFeatures{}, hal::detect_cpu_features()}) {
        auto engine = Engine::open(edited.bytes(), {.threads = 1, .cpu = cpu});
        ASSERT_TRUE(engine) << engine.error().message;
        const std::vector<TokenId> prompt = {1, 2, 3};
        auto generator = Generator::start(*engine, prompt, {.max_tokens = 3});
        ASSERT_TRUE(generator);
        const auto token = generator->next();
        if (std::isnan(bad)) {
          ASSERT_FALSE(token) << name;
          EXPECT_EQ(token.error().kind, ErrorKind::kMalformed);
        }
      }
    }
  }
}

// Random bytes in quantised blocks: scales that are infinite or no number among them.
TEST(HostileWeights, RandomQuantisedBlocksDoNotCrash) {
  for (const char* name : {"llama-q8_0", "llama-q4_0", "qwen2-q4_1"}) {
    const auto model = load_model(name);
    const auto reader = gguf::Reader::open(model->bytes());
    std::mt19937 random(5);
    for (const gguf::Tensor& tensor : reader->tensors()) {
      const std::size_t offset = static_cast<std::size_t>(tensor.data.data() - model->bytes().data());
      for (std::size_t i = 0; i < tensor.data.size(); ++i) {
        model->bytes()[offset + i] = static_cast<std::byte>(random() & 0xFF);
      }
    }
    for (const CpuFeatures& cpu : {CpuFeatures{}, hal::detect_cpu_features()}) {
      auto engine = Engine::open(model->bytes(), {.threads = 2, .cpu = cpu});
      if (!engine) continue;  // The divisors of the rotation may be refused.
      const std::vector<TokenId> prompt = {1, 2, 3};
      auto generator = Generator::start(*engine, prompt, {.max_tokens = 3});
      ASSERT_TRUE(generator);
      (void)generator->next();
    }
  }
}

// The fuzz target's work in small, in every tree: a few hundred damaged headers.
TEST(HostileHeader, FlippedBytesNeverCrash) {
  const auto original = read_file(data_path("llama-f16.gguf"));
  std::mt19937 random(11);
  int opened = 0;
  for (int round = 0; round < 300; ++round) {
    ModelBytes damaged(original);
    for (int flips = 0; flips < 3; ++flips) damaged.bytes()[random() % 9000] = static_cast<std::byte>(random() & 0xFF);
    auto engine = Engine::open(damaged.bytes(),
                               {.context = 0, .max_batch_rows = 4, .threads = 1, .memory_budget = Bytes{64U << 20}});
    if (!engine) {
      EXPECT_FALSE(engine.error().message.empty());
      continue;
    }
    ++opened;
    const std::vector<TokenId> prompt = {0};
    auto generator = Generator::start(*engine, prompt, {.max_tokens = 2});
    if (generator) (void)generator->next();
  }
  EXPECT_GT(opened, 0);  // Flips in names of tokens, for one, do not matter here.
}

}  // namespace
}  // namespace linnet::engine::test
