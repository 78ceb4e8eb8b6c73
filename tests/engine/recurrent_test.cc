// States that are not keys and values: what a sequence keeps of them, how they are reset, copied and planned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/base/arena.h"
#include "runtime/engine/workspace.h"
#include "tests/engine/model_files.h"
#include "tests/models/edited_model.h"

namespace linnet::engine::test {
namespace {

std::vector<TokenId> text() { return read_npy<TokenId>(data_path("long.tokens.npy")).values; }

// Extends a sequence to `length` tokens of the text and gives the last one's logits.
std::vector<float> extend(Engine& engine, SequenceId sequence, std::size_t length, std::size_t chunk = 7) {
  const auto tokens = text();
  std::vector<float> last;
  while (engine.length(sequence) < length) {
    std::vector<BatchRow> rows;
    for (std::size_t i = engine.length(sequence); i < length && rows.size() < chunk; ++i) {
      rows.push_back({tokens[i], sequence, static_cast<std::uint32_t>(i), i + 1 == length});
    }
    const auto logits = engine.step(rows);
    EXPECT_TRUE(logits) << logits.error().message;
    if (logits->rows() == 1) last.assign(logits->row(0).begin(), logits->row(0).end());
  }
  return last;
}

// 2,400 tokens: far past the convolution, the pages and what one chunk of the reference's algorithm takes.
TEST(Recurrent, LogitsAgreeFarIntoAText) {
  const auto model = load_model("qwen35-f32");
  std::vector<TokenId> far;
  for (int i = 0; i < 4; ++i) {
    const auto part = text();
    far.insert(far.end(), part.begin(), part.end());
  }
  const auto expected = read_npy<float>(data_path("qwen35-f32.far.npy"));
  constexpr std::array<std::size_t, 4> kFarRows = {99, 100, 1023, 2399};
  Engine engine = open_model(*model, {.context = 2400, .max_batch_rows = 128, .max_outputs = 128});
  const auto logits = all_logits(engine, far, 128);
  for (std::size_t i = 0; i < kFarRows.size(); ++i) {
    for (std::size_t token = 0; token < expected.width; ++token) {
      EXPECT_NEAR(logits[kFarRows[i] * expected.width + token], expected.row(i)[token], 1e-3) << kFarRows[i];
    }
  }
}

// A state has no past: a sequence stays as long as it is, or is empty.
TEST(Recurrent, GoesBackToItsStartAlone) {
  const auto model = load_model("qwen35-f32");
  Engine engine = open_model(*model);
  const auto sequence = *engine.begin_sequence();
  const auto at_40 = extend(engine, sequence, 40);
  (void)extend(engine, sequence, 60);
  engine.truncate(sequence, 60);
  EXPECT_EQ(engine.length(sequence), 60U) << "nothing is cut off";
  engine.truncate(sequence, 59);
  EXPECT_EQ(engine.length(sequence), 0U);
  EXPECT_EQ(extend(engine, sequence, 40), at_40);
}

TEST(Recurrent, ANewSequenceStartsFromNothing) {
  const auto model = load_model("qwen35-q8_0");
  Engine engine = open_model(*model);
  const auto first = *engine.begin_sequence();
  const auto at_30 = extend(engine, first, 30);
  engine.end_sequence(first);
  const auto second = *engine.begin_sequence();
  EXPECT_EQ(first, second) << "this test needs the same place";
  EXPECT_EQ(extend(engine, second, 30), at_30);
}

TEST(Recurrent, AStepThatIsRefusedChangesNoState) {
  const auto model = load_model("qwen35-f32");
  Engine engine = open_model(*model);
  const auto sequence = *engine.begin_sequence();
  const auto other = extend(engine, sequence, 20);
  const BatchRow wrong[] = {{5, sequence, 20, true}, {5, sequence, 25, false}};
  EXPECT_FALSE(engine.step(wrong));
  EXPECT_EQ(engine.length(sequence), 20U);
  const auto at_30 = extend(engine, sequence, 30);
  engine.truncate(sequence, 0);
  EXPECT_EQ(extend(engine, sequence, 30), at_30);
}

class Copies : public testing::TestWithParam<const char*> {};

// Both go on as if they were alone: pages, rings and recurrent states are copied, none is shared.
TEST_P(Copies, GoOnByThemselves) {
  const auto model = load_model(GetParam());
  Engine engine = open_model(*model, {.context = 600, .max_sequences = 2, .max_batch_rows = 16});
  const auto one = *engine.begin_sequence();
  const auto two = *engine.begin_sequence();
  (void)extend(engine, two, 50);  // Is forgotten.
  (void)extend(engine, one, 400);
  ASSERT_TRUE(engine.copy(one, two));
  EXPECT_EQ(engine.length(two), 400U);
  const auto from_copy = extend(engine, two, 500);
  const auto from_first = extend(engine, one, 500);
  EXPECT_EQ(from_copy, from_first);
  engine.truncate(one, 0);
  EXPECT_EQ(extend(engine, one, 500), from_copy);
}

TEST(Copy, IsRefusedWhereNoPagesAreLeft) {
  Measure measure;
  models::Program program;
  program.states = {models::KvCache{1, 16, 16}, models::Recurrent{24}};
  const CacheShape shape{.sequences = 2, .context = 1024, .pages_a_sequence = 4, .pages = 3};
  (void)KvCache(measure, program, shape);
  auto arena = Arena::create({measure.bytes()});
  ASSERT_TRUE(arena);
  KvCache cache(*arena, program, shape);
  cache.reset(program);
  const auto from = *cache.begin();
  const auto to = *cache.begin();
  for (std::size_t i = 0; i < 300; ++i) ASSERT_TRUE(cache.claim(from, i, 0));
  ASSERT_TRUE(cache.commit());
  const auto copied = cache.copy(from, to);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().kind, ErrorKind::kExhausted);
  EXPECT_EQ(cache.length(to), 0U);
  EXPECT_EQ(cache.free_pages(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Models, Copies, testing::Values("llama-f32", "mistral-f32", "qwen35-f32"));

TEST(Recurrent, ThePlanHasARowThatDoesNotGrowWithTheContext) {
  const auto model = load_model("qwen35-f32");
  const auto reader = gguf::Reader::open(model->bytes());
  const auto row_of = [&](std::size_t context, std::size_t sequences) {
    const auto plan =
        Engine::plan(*reader, {.context = context, .max_sequences = sequences, .max_batch_rows = 32, .threads = 1});
    return *std::ranges::find(plan->rows, "recurrent state", &MemoryRow::name);
  };
  // Three layers: 3 tokens of 256 channels, and 4 heads of 32 x 32.
  EXPECT_EQ(row_of(256, 1).size.count, 3 * (3 * 256 + 4 * 32 * 32) * sizeof(float));
  EXPECT_EQ(row_of(4096, 1).size.count, row_of(256, 1).size.count);
  EXPECT_EQ(row_of(256, 3).size.count, 3 * row_of(256, 1).size.count);
  EXPECT_EQ(row_of(256, 3).detail, "6 states x 3 sequences, f32, whatever the context");
}

// Published files hold a layer that guesses the next but one token: it is neither read nor refused.
TEST(Recurrent, LayersThatGuessAheadAreLeftOut) {
  const models::test::EditedModel edited(
      "qwen35-f32", {.keys = [](gguf::Writer& writer) { writer.set_u32("qwen35.nextn_predict_layers", 1); }});
  const ModelBytes model(edited.bytes());
  Engine engine = open_model(model);
  EXPECT_EQ(engine.program().states.size(), 6U) << "the fourth layer had the only cache";
  (void)extend(engine, *engine.begin_sequence(), 10);
}

struct Damage {
  const char* fault;
  void (*apply)(models::Program&);
};

template <class Op>
Op& first(models::Program& program) {
  for (models::Step& step : program.steps) {
    if (auto* op = std::get_if<Op>(&step.operation)) return *op;
  }
  throw std::logic_error("the program has no such operation");
}

models::Buffer& buffer(models::Program& program, models::BufferId id) {
  return program.buffers[static_cast<std::size_t>(id)];
}

models::Weight& weight(models::Program& program, models::WeightId id) {
  return program.weights[static_cast<std::size_t>(id)];
}

// States 0 and 1 are a convolution's and a delta rule's; the last is a cache.
const Damage kDamages[] = {
    {"recurrent state has no size", [](auto& p) { p.states[0] = models::Recurrent{0}; }},
    {"has another size", [](auto& p) { p.states[0] = models::Recurrent{767}; }},
    {"has another size", [](auto& p) { p.states[1] = models::Recurrent{4097}; }},
    {"no recurrent one",
     [](auto& p) {
       p.states[1] = models::KvCache{1, 1, 1};
     }},
    {"holds no keys", [](auto& p) { p.states.back() = models::Recurrent{8}; }},
    {"same state", [](auto& p) { first<models::GatedDelta>(p).state = first<models::ShortConvolution>(p).state; }},
    {"state is not listed", [](auto& p) { first<models::GatedDelta>(p).state = models::StateId{99}; }},
    {"heads do not divide", [](auto& p) { first<models::GatedDelta>(p).key_heads = 3; }},
    {"queries, keys and values", [](auto& p) { first<models::GatedDelta>(p).key_width = 31; }},
    {"queries, keys and values", [](auto& p) { first<models::GatedDelta>(p).key_width = SIZE_MAX / 2; }},
    {"decay and rate differ", [](auto& p) { first<models::GatedDelta>(p).rate = first<models::GatedDelta>(p).mixed; }},
    {"not as long", [](auto& p) { first<models::GatedDelta>(p).decay_bias = first<models::RmsNorm>(p).weight; }},
    {"not one row a channel", [](auto& p) { weight(p, first<models::ShortConvolution>(p).weight).rows = 255; }},
    {"number of taps", [](auto& p) { weight(p, first<models::ShortConvolution>(p).weight).columns = 17; }},
    {"number of taps", [](auto& p) { weight(p, first<models::ShortConvolution>(p).weight).columns = 1; }},
    {"weights are no weight", [](auto& p) { first<models::ShortConvolution>(p).weight = models::WeightId{9999}; }},
    {"parts have no size", [](auto& p) { first<models::UnitNorm>(p).parts = 0; }},
    {"past the row", [](auto& p) { first<models::UnitNorm>(p).parts = 9; }},
    {"past the row", [](auto& p) { first<models::UnitNorm>(p).first = 257; }},
    {"scale is not finite", [](auto& p) { first<models::UnitNorm>(p).scale = INFINITY; }},
    {"epsilon", [](auto& p) { first<models::UnitNorm>(p).epsilon = -1; }},
    {"as wide as its input", [](auto& p) { buffer(p, first<models::Split>(p).second).width = 34; }},
    {"parts do not divide", [](auto& p) { first<models::Split>(p).parts = 3; }},
    {"over itself", [](auto& p) { first<models::Split>(p).second = first<models::Split>(p).first; }},
    {"by itself", [](auto& p) { first<models::SigmoidMultiply>(p).gate = first<models::SigmoidMultiply>(p).in_out; }},
    {"not as long", [](auto& p) { first<models::Attend>(p).sinks = first<models::RmsNorm>(p).weight; }},
};

TEST(Recurrent, DamageToAProgramIsNamed) {
  const auto model = load_model("qwen35-f32");
  const models::Program whole = open_model(*model).program();
  EXPECT_EQ(models::fault_of(whole).value_or("none"), "none");
  for (const Damage& damage : kDamages) {
    models::Program program = whole;
    damage.apply(program);
    EXPECT_THAT(models::fault_of(program).value_or("none"), testing::HasSubstr(damage.fault));
  }
}

}  // namespace
}  // namespace linnet::engine::test
