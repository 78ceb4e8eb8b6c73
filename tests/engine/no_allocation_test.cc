// From open() on, prompt text -> ids -> forward -> sample -> text takes no memory: counted, not promised.
//
// The counting allocator is linked into this program, so every call of every thread and library is seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>
#include <vector>

#include "hal/cpu.h"
#include "runtime/base/arena.h"
#include "runtime/engine/generator.h"
#include "runtime/engine/shared_steps.h"
#include "runtime/text/grammar/constraint.h"
#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "tests/engine/model_files.h"

extern "C" std::uint64_t linnet_allocation_count();

namespace linnet::engine::test {
namespace {

constexpr std::align_val_t kLine{64};

// Or the compiler leaves an allocation that nobody uses out.
void* volatile sink;
void* kept(void* memory) {
  sink = memory;
  return memory;
}

// Calls that `work` makes.
template <class Work>
std::uint64_t calls_of(Work work) {
  const auto before = linnet_allocation_count();
  work();
  return linnet_allocation_count() - before;
}

TEST(CountingAllocator, SeesWhatItShouldSee) {
  EXPECT_EQ(calls_of([] {}), 0u);
  EXPECT_EQ(calls_of([] { std::free(kept(std::malloc(10))); }), 1u);
  EXPECT_EQ(calls_of([] { std::free(kept(std::calloc(10, 10))); }), 1u);
  EXPECT_EQ(calls_of([] { std::free(kept(std::realloc(nullptr, 10))); }), 1u);
  EXPECT_EQ(calls_of([] { std::free(kept(std::aligned_alloc(64, 64))); }), 1u);
  EXPECT_EQ(calls_of([] { ::operator delete(kept(::operator new(100))); }), 1u);
  EXPECT_EQ(calls_of([] { ::operator delete(kept(::operator new(64, kLine)), kLine); }), 1u);
  EXPECT_EQ(calls_of([] { EXPECT_TRUE(Arena::create({1000})); }), 2u);  // mmap, munmap
  std::thread([] { EXPECT_GE(calls_of([] { std::vector<int>(100).at(5) = 1; }), 1u); }).join();
}

// One request, in memory that is ready.
struct Request {
  const text::Tokenizer& tokenizer;
  text::StreamDecoder& decoder;
  std::span<TokenId> ids;
  std::span<std::byte> scratch;
};

// Returns how many tokens were generated; bytes of text are counted so that decoding cannot be skipped.
std::size_t answer(Engine& engine, const Request& request, const GenerationOptions& options, std::size_t& bytes) {
  const auto count = request.tokenizer.encode("The rain in the north of the land is on the sea and there", {},
                                              request.ids, request.scratch);
  if (!count) return 0;
  auto generator = Generator::start(engine, request.ids.first(*count), options);
  if (!generator) return 0;
  request.decoder.reset();
  std::size_t tokens = 0;
  while (true) {
    const auto token = generator->next();
    if (!token || !*token) break;
    bytes += request.decoder.push((*token)->token).size();
    ++tokens;
  }
  bytes += request.decoder.finish().size();
  return tokens;
}

void expect_no_allocation(const GenerationOptions& options, std::size_t threads) {
  const auto model = load_model("llama-f16");
  Engine engine = open_model(*model, {.max_batch_rows = 16, .threads = threads, .cpu = hal::detect_cpu_features()});
  const auto tokenizer = text::Tokenizer::load(engine.model());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  text::StreamDecoder decoder(*tokenizer);
  std::vector<TokenId> ids(text::Tokenizer::most_tokens(256));
  std::vector<std::byte> scratch(tokenizer->scratch_bytes(256));
  const Request request{*tokenizer, decoder, ids, scratch};
  std::size_t bytes = 0;

  const auto before = linnet_allocation_count();
  const std::size_t tokens = answer(engine, request, options, bytes);
  const auto after = linnet_allocation_count();
  EXPECT_EQ(after - before, 0u);
  EXPECT_EQ(tokens, 256u);
  EXPECT_GT(bytes, 100u);
}

TEST(NoAllocation, GreedyOverAPageOfTheCache) {
  expect_no_allocation({.max_tokens = 256}, 1);
  expect_no_allocation({.max_tokens = 256}, 2);
}

TEST(NoAllocation, SamplingWithEverything) {
  GenerationOptions options{.max_tokens = 256};
  options.sampling = {.temperature = 0.9F, .repetition_penalty = 1.1F, .seed = 3, .want_probability = true};
  expect_no_allocation(options, 2);
}

// A form without an end: words, and strings of at most nine characters.
class EndlessForm final : public TokenConstraint {
 public:
  EndlessForm(const text::Grammar& grammar, const text::TokenTrie& trie)
      : grammar_(grammar), constraint_(trie), mask_(constraint_.mask_words()) {}
  bool begin() { return constraint_.reset(grammar_).has_value(); }
  TokenMask allowed() override {
    EXPECT_TRUE(constraint_.mask(mask_));
    return mask_;
  }
  void accept(TokenId token) override { EXPECT_TRUE(constraint_.accept(token)); }

 private:
  const text::Grammar& grammar_;
  text::Constraint constraint_;
  std::vector<std::uint64_t> mask_;
};

TEST(NoAllocation, MasksOfAGrammar) {
  const auto model = load_model("llama-f16");
  Engine engine = open_model(*model, {.threads = 1, .cpu = hal::detect_cpu_features()});
  const auto tokenizer = text::Tokenizer::load(engine.model());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const text::TokenTrie trie = text::TokenTrie::build(*tokenizer);
  const auto grammar =
      text::Grammar::compile(R"(root ::= ([a-zA-Z .,]{1,5} "\"" [^"\\\x00-\x1f]{0,9} "\"")* "#end of the form#")");
  ASSERT_TRUE(grammar) << grammar.error().message;
  EndlessForm form(*grammar, trie);
  GenerationOptions options{.max_tokens = 256, .constraint = &form};
  options.sampling = {.temperature = 1, .seed = 5};
  const std::vector<TokenId> prompt = {1, 2, 3};
  const auto before = linnet_allocation_count();
  ASSERT_TRUE(form.begin());
  auto generator = Generator::start(engine, prompt, options);
  ASSERT_TRUE(generator);
  std::size_t tokens = 0;
  for (auto token = generator->next(); token && *token; token = generator->next()) ++tokens;
  EXPECT_EQ(linnet_allocation_count() - before, 0u);
  EXPECT_EQ(tokens, 256u);
}

// Steps that three share, prompts that begin alike: had by going on, by a copy, and over what was kept.
TEST(NoAllocation, SharedStepsAndPrefixes) {
  const auto model = load_model("llama-q4_0");
  Engine engine = open_model(*model, {.context = 700, .max_sequences = 3, .max_batch_rows = 32, .threads = 2});
  SharedSteps steps(engine);
  std::array<std::array<TokenId, 400>, 3> prompts{};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (std::size_t at = 0; at < 400; ++at) prompts[i][at] = static_cast<TokenId>(at < 300 ? at % 50 : 60 + i);
  }
  std::size_t tokens = 0;
  std::size_t reused = 0;
  const auto before = linnet_allocation_count();
  for (int round = 0; round < 3; ++round) {
    std::array<std::optional<Generator>, 3> generators;
    std::array<Generator*, 3> running{};
    for (std::size_t i = 0; i < 3; ++i) {
      auto generator = Generator::start(engine, prompts[i], {.max_tokens = 20});
      ASSERT_TRUE(generator);
      reused += generator->timings().reused_tokens;
      running[i] = &generators[i].emplace(*std::move(generator));
    }
    while (std::ranges::none_of(running, [](Generator* generator) { return generator->ended(); })) {
      ASSERT_TRUE(steps.compute(running));
      steps.take(running);
      for (std::size_t i = 0; i < 3; ++i) tokens += steps.took(i) && steps.taken(i) ? 1U : 0U;
    }
  }
  EXPECT_EQ(linnet_allocation_count() - before, 0u);
  EXPECT_GE(tokens, 100u);
  EXPECT_GE(reused, 1500u);
}

// Memory runs short, and is there again.
TEST(NoAllocation, GivingMemoryBack) {
  auto opened = Engine::open(data_path("llama-f16.gguf"), {.context = 300, .max_sequences = 2, .threads = 2});
  ASSERT_TRUE(opened) << opened.error().message;
  Engine& engine = *opened;
  const std::vector<TokenId> prompt = {1, 2, 3, 4, 5};
  const auto before = linnet_allocation_count();
  auto generator = Generator::start(engine, prompt, {.max_tokens = 60});
  ASSERT_TRUE(generator);
  std::size_t tokens = 0;
  for (auto token = generator->next(); token && *token; token = generator->next()) {
    ++tokens;
    if (tokens % 10 != 0) continue;
    engine.give_back_idle();
    engine.hold_weights({tokens % 20 == 0 ? 0U : 1U << 30});
    engine.cool_weights();
  }
  EXPECT_EQ(linnet_allocation_count() - before, 0u);
  EXPECT_EQ(tokens, 60u);
  EXPECT_GT(engine.metrics().streamed_weights.count, 0u);
}

TEST(NoAllocation, QuantisedModelWithProfile) {
  const auto model = load_model("llama-q4_0");
  Engine engine = open_model(*model, {.threads = 2, .cpu = hal::detect_cpu_features()});
  std::vector<StepCost> costs(engine.program().steps.size());
  engine.profile(costs);
  const std::vector<TokenId> prompt = {1, 2, 3, 4, 5};
  const auto before = linnet_allocation_count();
  auto generator = Generator::start(engine, prompt, {.max_tokens = 300});
  ASSERT_TRUE(generator);
  std::size_t tokens = 0;
  for (auto token = generator->next(); token && *token; token = generator->next()) ++tokens;
  EXPECT_EQ(linnet_allocation_count() - before, 0u);
  EXPECT_EQ(tokens, 300u);
}

}  // namespace
}  // namespace linnet::engine::test
