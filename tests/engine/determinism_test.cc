// The same bits for every number of threads, chunking, neighbour in the batch, kernel variant and architecture.
#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "hal/cpu.h"
#include "runtime/engine/generator.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

// What x86-64 with scalar kernels and one thread gave when the models were made: FNV-1a over the bits of the logits of
// kTokens, and the first greedy ids after them. Every other way to compute must repeat it.
struct Case {
  const char* name;
  std::uint64_t logits;
  std::vector<TokenId> greedy;
};
const Case kCases[] = {
    {"llama-f32", 14680294208439529306U, {42, 135, 49, 36, 99, 49, 78, 102}},
    {"llama-f16", 11636742673260242582U, {46, 268, 245, 191, 145, 145, 145, 145}},
    {"llama-q8_0", 17953761867354222629U, {42, 135, 49, 36, 12, 36, 5, 94}},
    {"llama-q4_0", 6631451848106998963U, {42, 62, 25, 35, 143, 143, 61, 73}},
    {"qwen2-q4_1", 17346915746198174383U, {20, 96, 1, 36, 35, 1, 36, 83}},
    {"qwen3-q8_0", 4079058258376067675U, {74, 10, 125, 102, 110, 18, 110, 18}},
    {"gpt-oss-f32", 5725493989850504719U, {131, 105, 131, 105, 131, 131, 131, 131}},
    {"gpt-oss-mxfp4", 11375691290388358846U, {131, 105, 131, 105, 131, 131, 131, 131}},
    {"qwen35-f32", 15615166299905023492U, {53, 25, 82, 13, 25, 149, 64, 19}},
    {"qwen35-q8_0", 15559926739106281530U, {39, 58, 54, 50, 132, 29, 61, 71}},
    {"mixtral-q8_0", 9707724500903401857U, {75, 135, 88, 95, 45, 57, 88, 135}},
    {"qwen3moe-f32", 3668991283334824426U, {15, 94, 105, 149, 65, 94, 112, 92}},
    {"qwen3moe-q4_0", 7007051075427552849U, {80, 55, 146, 142, 94, 110, 24, 121}},
    {"deepseek2-q8_0", 12679487237698931209U, {61, 1, 108, 13, 1, 108, 76, 61}},
    {"deepseek3-f32", 14822483068494823565U, {41, 89, 71, 45, 63, 26, 0, 12}},
    {"deepseek3-q8_0", 13033830391247681646U, {29, 111, 81, 47, 80, 66, 69, 111}},
};

// Longer than a page of the cache, so that parts of attention are merged.
std::vector<TokenId> prompt(std::size_t count = 280, std::size_t from = 0) {
  const auto tokens = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  return {tokens.begin() + static_cast<std::ptrdiff_t>(from),
          tokens.begin() + static_cast<std::ptrdiff_t>(from + count)};
}

std::uint64_t hash_of(const std::vector<float>& values) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const float value : values) hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001B3U;
  return hash;
}

EngineOptions with(std::size_t threads, const CpuFeatures& cpu) {
  return {.max_batch_rows = 300, .max_outputs = 300, .threads = threads, .cpu = cpu};
}

std::vector<TokenId> greedy_ids(Engine& engine, std::span<const TokenId> tokens, std::size_t count) {
  auto generator = Generator::start(engine, tokens, {.max_tokens = count});
  EXPECT_TRUE(generator);
  std::vector<TokenId> ids;
  for (auto token = generator->next(); token && *token; token = generator->next()) ids.push_back((*token)->token);
  return ids;
}

class Determinism : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { model_ = load_model(GetParam().name); }
  std::unique_ptr<ModelBytes> model_;
};

TEST_P(Determinism, GoldenBits) {
  Engine engine = open_model(*model_, with(1, {}));
  EXPECT_EQ(hash_of(all_logits(engine, prompt(), 300)), GetParam().logits);
  EXPECT_EQ(greedy_ids(engine, prompt(), 8), GetParam().greedy);
}

TEST_P(Determinism, ThreadsAndKernelsDoNotShow) {
  for (const CpuFeatures& cpu : {CpuFeatures{}, hal::detect_cpu_features()}) {
    for (const std::size_t threads : {1U, 2U, 3U}) {
      Engine engine = open_model(*model_, with(threads, cpu));
      EXPECT_EQ(hash_of(all_logits(engine, prompt(), 300)), GetParam().logits) << threads << " threads";
      EXPECT_EQ(greedy_ids(engine, prompt(), 8), GetParam().greedy) << threads << " threads";
    }
  }
}

// The logits of six tokens that come one by one after 590 others: behind the second of three pages.
std::uint64_t bits_of_decoding(Engine& engine) {
  const auto tokens = prompt(596);
  const SequenceId sequence = *engine.begin_sequence();
  std::vector<float> logits;
  for (std::size_t position = 0; position < tokens.size();) {
    std::vector<BatchRow> rows;
    do {
      rows.push_back({tokens[position], sequence, static_cast<std::uint32_t>(position), position >= 590});
    } while (++position < 590 && rows.size() < 295);
    const auto result = engine.step(rows);
    EXPECT_TRUE(result) << result.error().message;
    if (result && result->rows() != 0) logits.insert(logits.end(), result->row(0).begin(), result->row(0).end());
  }
  return hash_of(logits);
}

TEST_P(Determinism, DecodingPageByPageDoesNotShow) {
  EngineOptions options = with(1, hal::detect_cpu_features());
  options.context = 600;
  Engine alone = open_model(*model_, options);
  const std::uint64_t bits = bits_of_decoding(alone);
  for (const std::size_t threads : {2U, 4U}) {
    options.threads = threads;
    Engine shared = open_model(*model_, options);
    EXPECT_EQ(bits_of_decoding(shared), bits) << threads << " threads";
  }
}

// Every variant that this processor runs, one at a time among scalar ones: prefill's shape and decoding's.
TEST_P(Determinism, EachVariantAloneDoesNotShow) {
  const CpuFeatures cpu = hal::detect_cpu_features();
  std::size_t variants = 0;
  for (const std::string_view family : {"attention", "convert", "elementwise", "rotate", "norm", "quantize",
                                        "recurrence", "softmax", "matmul", "matmul_float"}) {
    for (const std::string_view name : {"avx2", "avx_vnni", "avx512", "avx512_vnni", "amx_int8", "avx512vl_vnni",
                                        "neon", "neon_dotprod", "neon_i8mm"}) {
      const std::string text = std::string(family) + "=" + std::string(name);
      const auto forced = kernels::ForcedVariants::parse(text);
      if (!KernelSet::choose(cpu, *forced)) continue;  // Not in this build, or not for this processor.
      const auto all_scalar =
          "attention=scalar,convert=scalar,elementwise=scalar,rotate=scalar,norm=scalar,"
          "quantize=scalar,recurrence=scalar,softmax=scalar,matmul=scalar,matmul_float=scalar";
      const std::string one = text + "," + all_scalar;  // The first entry of a family counts.
      EngineOptions options = with(1, cpu);
      options.forced = *kernels::ForcedVariants::parse(one);
      Engine engine = open_model(*model_, options);
      EXPECT_EQ(hash_of(all_logits(engine, prompt(), 279)), GetParam().logits) << text;
      ++variants;
    }
  }
  EXPECT_EQ(variants > 0, cpu.avx2 || cpu.neon);
}

TEST_P(Determinism, ChunksOfThePromptDoNotShow) {
  Engine engine = open_model(*model_, with(2, hal::detect_cpu_features()));
  for (const std::size_t chunk : {1U, 2U, 7U, 16U, 17U, 64U, 255U, 256U, 257U, 279U}) {
    EXPECT_EQ(hash_of(all_logits(engine, prompt(), chunk)), GetParam().logits) << chunk << " rows a step";
  }
}

// Four sequences of different length, their rows mixed in every step.
TEST_P(Determinism, NeighboursInTheBatchDoNotShow) {
  EngineOptions options = with(2, hal::detect_cpu_features());
  options.max_sequences = 4;
  Engine engine = open_model(*model_, options);
  const std::size_t lengths[] = {280, 40, 290, 3};
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::vector<float>> logits(4);
  std::vector<SequenceId> ids;
  for (std::size_t s = 0; s < 4; ++s) {
    prompts.push_back(prompt(lengths[s], 5 * s));
    ids.push_back(*engine.begin_sequence());
  }
  for (std::size_t done = 0; done < 300; done += 10) {
    std::vector<BatchRow> rows;
    std::vector<std::size_t> owner;
    for (std::size_t position = done; position < done + 10; ++position) {
      for (std::size_t s = 0; s < 4; ++s) {  // Rows of one sequence are not even adjacent.
        if (position >= lengths[s]) continue;
        rows.push_back({prompts[s][position], ids[s], static_cast<std::uint32_t>(position), true});
        owner.push_back(s);
      }
    }
    if (rows.empty()) break;
    const auto outputs = engine.step(rows);
    ASSERT_TRUE(outputs) << outputs.error().message;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto values = outputs->row(row);
      logits[owner[row]].insert(logits[owner[row]].end(), values.begin(), values.end());
    }
  }
  for (const SequenceId id : ids) engine.end_sequence(id);
  EXPECT_EQ(hash_of(logits[0]), GetParam().logits);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(hash_of(logits[s]), hash_of(all_logits(engine, prompts[s], 300))) << "sequence " << s;
  }
}

TEST_P(Determinism, TruncatedAndReusedPagesDoNotShow) {
  Engine engine = open_model(*model_, with(1, {}));
  const auto first = prompt();
  const auto other = prompt(280, 100);
  (void)all_logits(engine, other, 300);  // Leaves its keys in the pages.
  const auto sequence = *engine.begin_sequence();
  std::vector<BatchRow> rows;
  for (std::size_t i = 0; i < 270; ++i) rows.push_back({other[i], sequence, static_cast<std::uint32_t>(i), false});
  ASSERT_TRUE(engine.step(rows));
  engine.truncate(sequence, 0);
  std::vector<float> logits;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const BatchRow row{first[i], sequence, static_cast<std::uint32_t>(i), true};
    const auto outputs = engine.step({&row, 1});
    ASSERT_TRUE(outputs);
    logits.insert(logits.end(), outputs->row(0).begin(), outputs->row(0).end());
  }
  EXPECT_EQ(hash_of(logits), GetParam().logits);
}

INSTANTIATE_TEST_SUITE_P(Models, Determinism, testing::ValuesIn(kCases), [](const auto& instance) {
  std::string name = instance.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace linnet::engine::test
