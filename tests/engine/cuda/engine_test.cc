// The engine's choice of a device, its plan there, and what it asks of the driver.
#include <gtest/gtest.h>

#include "tests/engine/cuda/fake_machine.h"

namespace linnet::engine::cuda::test {
namespace {

using engine::test::all_logits;
using engine::test::load_model;

Result<Engine> open(const engine::test::ModelBytes& model, const EngineOptions& options) {
  return Engine::open(model.bytes(), options);
}

TEST(Choice, AutoTakesTheGpu) {
  const FakeMachine machine;
  {
    const auto model = load_model("qwen2-f32");
    const auto engine = open(*model, machine.on(DeviceChoice::kAuto));
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_TRUE(engine->device().is_gpu);
    EXPECT_EQ(engine->device().reason, "Fake GPU (compute 8.7, CUDA driver 13.0), kernels of kernels.fatbin, version " +
                                           std::to_string(kernels::cuda::kVersion));
  }
  machine.expect_clean();
}

TEST(Choice, TheProcessorIsAskedForByDefault) {
  const FakeMachine machine;
  const auto model = load_model("qwen2-f32");
  const auto engine = open(*model, machine.on(DeviceChoice::kCpu));
  ASSERT_TRUE(engine);
  EXPECT_FALSE(engine->device().is_gpu);
  EXPECT_EQ(engine->device().reason, "asked for");
  EXPECT_EQ(machine.driver.calls(), 0U);
}

// What stands in the way of a GPU is an error where it was asked for, and a reason where it was left to us.
void expect_in_the_way(const FakeMachine& machine, const std::string& model_name, ErrorKind kind,
                       const std::string& words, const EngineOptions& options = {}) {
  const auto model = load_model(model_name);
  const auto strict = open(*model, machine.on(DeviceChoice::kCuda, options));
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().kind, kind);
  EXPECT_NE(strict.error().message.find(words), std::string::npos) << strict.error().message;
  const auto either = open(*model, machine.on(DeviceChoice::kAuto, options));
  ASSERT_TRUE(either) << either.error().message;
  EXPECT_FALSE(either->device().is_gpu);
  EXPECT_NE(either->device().reason.find(words), std::string::npos) << either->device().reason;
  const auto plan = Engine::plan(either->model(), machine.on(DeviceChoice::kAuto, options));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->device.reason, either->device().reason);
  EXPECT_FALSE(Engine::plan(either->model(), machine.on(DeviceChoice::kCuda, options)));
  machine.expect_clean();
}

TEST(Choice, ExpertsLatentsAndRecurrentLayersNeedTheProcessor) {
  const FakeMachine machine;
  expect_in_the_way(machine, "mixtral-f32", ErrorKind::kUnsupported, "experts");
  expect_in_the_way(machine, "deepseek2-f32", ErrorKind::kUnsupported, "latent attention");
  expect_in_the_way(machine, "qwen35-f32", ErrorKind::kUnsupported, "recurrent layers");
  EXPECT_EQ(machine.driver.calls(), 0U) << "what costs nothing is looked at first";
}

TEST(Choice, NoDeviceOrKernelsOrMemory) {
  expect_in_the_way(FakeMachine({.devices = 0}), "qwen2-f32", ErrorKind::kAbsent, "no device");
  {
    const FakeMachine other_version;  // One driver at a time.
    other_version.folder.put("kernels.fatbin", "version 12");
    expect_in_the_way(other_version, "qwen2-f32", ErrorKind::kUnsupported, "version 12");
  }
  expect_in_the_way(FakeMachine({.memory = std::size_t{1} << 20}), "qwen2-f32", ErrorKind::kExhausted,
                    "of the GPU's memory");
}

TEST(Choice, ABudgetHoldsForMemoryOfTheMachine) {
  const auto model = load_model("qwen2-f32");
  const auto reader = gguf::Reader::open(model->bytes());
  std::vector<Bytes> needed;
  for (const bool integrated : {false, true}) {
    const FakeMachine machine({.integrated = integrated});
    needed.push_back(Engine::plan(*reader, machine.on(DeviceChoice::kCuda))->budgeted());
    const auto open_within = [&](Bytes budget) {
      return open(*model, machine.on(DeviceChoice::kCuda, {.memory_budget = budget}));
    };
    EXPECT_TRUE(open_within(needed.back()));
    const auto refused = open_within(Bytes{needed.back().count - 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
  }
  EXPECT_GT(needed[1].count, needed[0].count + (1U << 20)) << "a discrete GPU's memory is its own";
}

std::size_t row_bytes(const MemoryPlan& plan, std::string_view name) {
  const auto row = std::ranges::find(plan.rows, name, &MemoryRow::name);
  return row == plan.rows.end() ? 0 : static_cast<std::size_t>(row->size.count);
}

TEST(Plan, IsWhatTheDeviceIsAskedFor) {
  std::vector<std::size_t> weights;
  for (const bool integrated : {false, true}) {
    const FakeMachine machine({.integrated = integrated});
    const auto model = load_model("llama-q4_0");
    const auto engine = open(*model, machine.on(DeviceChoice::kCuda, {.max_sequences = 3}));
    ASSERT_TRUE(engine) << engine.error().message;
    const MemoryPlan& plan = engine->plan();
    std::size_t rows = 0;
    for (const char* const name : {"GPU weights", "GPU KV cache", "GPU activations"}) rows += row_bytes(plan, name);
    EXPECT_EQ(plan.total(MemoryKind::kDevice).count, rows);
    EXPECT_EQ(machine.driver.memory_in_use(), rows);
    EXPECT_EQ(plan.max_batch_rows, 512U);
    weights.push_back(row_bytes(plan, "GPU weights"));
    EXPECT_EQ(machine.driver.calls_of("register_host") != 0, integrated);
    EXPECT_EQ(plan.touched_weights.count != 0, integrated);
  }
  EXPECT_LT(weights[1] * 4, weights[0]) << "where the memory is one, matrices stay where the file is mapped";
}

TEST(Plan, WeightsThatCannotBeMappedAreCopied) {
  const FakeMachine machine({.integrated = true, .takes_mappings = false});
  const auto model = load_model("llama-q4_0");
  {
    const auto engine = open(*model, machine.on(DeviceChoice::kCuda));
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_GT(machine.driver.memory_in_use(), engine->plan().total(MemoryKind::kDevice).count);
  }
  machine.expect_clean();
}

// After open() nothing is reserved, loaded or captured any more.
TEST(Ready, StepsAskForNothingNew) {
  const FakeMachine machine;
  const auto model = load_model("llama-q4_0");
  auto engine = *open(*model, machine.on(DeviceChoice::kCuda, {.max_sequences = 2, .max_outputs = 64}));
  const std::vector<TokenId> text(40, 3);
  const auto count = [&] {
    std::size_t calls = 0;
    for (const char* const name : {"allocate", "allocate_pinned", "load_module", "module_function", "instantiate",
                                   "create_stream", "create_event", "register_host", "begin_capture"}) {
      calls += machine.driver.calls_of(name);
    }
    return calls;
  };
  const std::size_t before = count();
  (void)all_logits(engine, text, 16);
  (void)all_logits(engine, text, 1);
  EXPECT_EQ(count(), before);
}

TEST(Graphs, DecodingIsReplayedAndTheRestIsLaunched) {
  for (const bool graphs : {true, false}) {
    const FakeMachine machine;
    const auto model = load_model("llama-q4_0");
    EngineOptions options = machine.on(DeviceChoice::kCuda, {.max_sequences = 2});
    options.cuda.graphs = graphs;
    auto engine = *open(*model, options);
    EXPECT_EQ(machine.driver.calls_of("instantiate"), graphs ? 2U : 0U) << "for one row, and for two";
    const std::size_t launched = machine.driver.calls_of("launch");
    const std::size_t replayed = machine.driver.calls_of("launch_graph");
    const auto sequence = *engine.begin_sequence();
    std::vector<BatchRow> rows = {{1, sequence, 0, false}, {2, sequence, 1, true}};
    ASSERT_TRUE(engine.step(rows));
    EXPECT_EQ(machine.driver.calls_of("launch_graph"), replayed) << "two rows, one output: prefill";
    const std::size_t prefilled = machine.driver.calls_of("launch");
    EXPECT_GT(prefilled, launched);
    rows = {{3, sequence, 2, true}};
    ASSERT_TRUE(engine.step(rows));
    EXPECT_EQ(machine.driver.calls_of("launch_graph"), replayed + (graphs ? 1 : 0));
    EXPECT_EQ(machine.driver.calls_of("launch") == prefilled, graphs);
  }
}

// All kernels of a step but those that something else than a kernel lies ahead of; the played driver checks which.
TEST(EarlyStarts, AreAskedForWhereKernelsWait) {
  const auto model = load_model("llama-q4_0");
  const auto starts = [&](const FakeMachine& machine, const EngineOptions& options) {
    auto engine = *open(*model, options);
    const std::size_t early = machine.driver.calls_of("launch_with");
    const std::size_t all = machine.driver.calls_of("launch");
    const std::vector<BatchRow> rows = {{1, *engine.begin_sequence(), 0, true}};
    std::vector<StepCost> costs(engine.program().steps.size());
    engine.profile(costs);
    EXPECT_TRUE(engine.step(rows));
    EXPECT_EQ(machine.driver.calls_of("launch_with"), early) << "timed, each by itself";
    EXPECT_GT(machine.driver.calls_of("launch"), all);
    EXPECT_TRUE(machine.driver.faults().empty());
    return early;
  };
  const FakeOptions hopper{.capability = 90, .compiled_for = 90};
  {
    const FakeMachine machine(hopper);
    const std::size_t early = starts(machine, machine.on(DeviceChoice::kCuda));
    EXPECT_GT(early * 10, machine.driver.launches() * 4) << "captured once, replayed once, profiled once";
  }
  {
    const FakeMachine machine(hopper);
    EngineOptions options = machine.on(DeviceChoice::kCuda);
    options.cuda.early_starts = false;
    EXPECT_EQ(starts(machine, options), 0U);
  }
  {
    const FakeMachine machine({.capability = 100, .compiled_for = 80});  // PTX, compiled by the driver.
    EXPECT_EQ(starts(machine, machine.on(DeviceChoice::kCuda)), 0U);
  }
  const FakeMachine machine(hopper);
  DriverFunctions older = machine.driver.functions();
  older.launch_with = nullptr;
  EngineOptions options = machine.on(DeviceChoice::kCuda);
  options.cuda.driver = &older;
  EXPECT_EQ(starts(machine, options), 0U);
}

TEST(Profile, TimesEveryStep) {
  const FakeMachine machine;
  const auto model = load_model("llama-q4_0");
  auto engine = *open(*model, machine.on(DeviceChoice::kCuda));
  std::vector<StepCost> costs(engine.program().steps.size());
  engine.profile(costs);
  const BatchRow row{1, *engine.begin_sequence(), 0, true};
  ASSERT_TRUE(engine.step({&row, 1}));
  EXPECT_DOUBLE_EQ(costs.front().milliseconds, 0.5);
  EXPECT_DOUBLE_EQ(costs.back().milliseconds, 0.5);
  EXPECT_EQ(costs.back().calls, 1U);
  EXPECT_GT(costs.back().weight_bytes, 0U);
}

class Counter final : public LoadWatcher {
 public:
  bool loading(std::uint64_t done, std::uint64_t all) override {
    last_ = done;
    all_ = all;
    return goes_on;
  }
  bool goes_on = true;
  [[nodiscard]] bool is_complete() const { return all_ != 0 && last_ == all_; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t all_ = 0;
};

TEST(Loading, IsToldAndMayBeStopped) {
  const FakeMachine machine;
  const auto model = load_model("llama-q4_0");
  Counter counter;
  EngineOptions options = machine.on(DeviceChoice::kAuto);
  options.watcher = &counter;
  EXPECT_TRUE(open(*model, options));
  EXPECT_TRUE(counter.is_complete());
  counter.goes_on = false;
  const auto stopped = open(*model, options);
  ASSERT_FALSE(stopped) << "the processor is no answer to a person who wants to stop";
  EXPECT_EQ(stopped.error().kind, ErrorKind::kInterrupted);
  machine.expect_clean();
}

}  // namespace
}  // namespace linnet::engine::cuda::test
