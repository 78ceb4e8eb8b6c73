// Every call of the driver fails once, with every error and at every place: what comes is an error or the processor,
// never a hang, a leak or another result.
#include <gtest/gtest.h>

#include "tests/engine/cuda/fake_machine.h"

namespace linnet::engine::cuda::test {
namespace {

using engine::test::all_logits;
using engine::test::load_model;

// Of every kind that a driver's answers become.
constexpr Status kErrors[] = {1,           kOutOfMemory, 3,         kStubLibrary, kNoDevice, 201, kNoBinaryForGpu,
                              kInvalidPtx, 222,          kNotFound, 700,          702,       716, kLaunchFailed,
                              719,         801,          999};

const std::vector<TokenId> kText = {1, 5, 9, 2, 7, 3};

std::vector<float> processor_logits(const engine::test::ModelBytes& model) {
  auto engine = engine::test::open_model(model, {.max_outputs = 8});
  return all_logits(engine, kText, 2);
}

// Small, so that opening is some hundred calls; kernels are counted alone, as only the processor's numbers matter here.
class Faults : public testing::Test {
 protected:
  std::unique_ptr<engine::test::ModelBytes> model_ = load_model("llama-q4_0");
  FakeMachine machine_{FakeOptions{.capability = 90, .compiled_for = 90}};  // With early starts.

  EngineOptions on(DeviceChoice choice) const {
    return machine_.on(choice, {.context = 64, .max_batch_rows = 8, .max_outputs = 8});
  }
  // Calls that opening makes.
  std::size_t calls_to_open() {
    const std::size_t before = machine_.driver.calls();
    EXPECT_TRUE(Engine::open(model_->bytes(), on(DeviceChoice::kCuda)));
    return machine_.driver.calls() - before;
  }
};

TEST_F(Faults, OfOpeningLeadToTheProcessorOrAnError) {
  const auto expected = processor_logits(*model_);
  const std::size_t calls = calls_to_open();
  ASSERT_GT(calls, 100U);
  for (std::size_t i = 0; i < calls; ++i) {
    const Status status = kErrors[i % std::size(kErrors)];
    machine_.driver.fail_after(i, status, i % 2 == 1);
    EXPECT_FALSE(Engine::open(model_->bytes(), on(DeviceChoice::kCuda))) << "call " << i << ", error " << status;
    machine_.driver.fail_after(i, status, i % 2 == 1);
    {
      auto engine = Engine::open(model_->bytes(), on(DeviceChoice::kAuto));
      ASSERT_TRUE(engine) << "call " << i << ": " << engine.error().message;
      EXPECT_FALSE(engine->device().is_gpu);
      EXPECT_FALSE(engine->device().reason.empty());
      EXPECT_EQ(all_logits(*engine, kText, 2), expected) << "call " << i;
    }
    machine_.driver.fail_after(~std::size_t{0}, kSuccess);
    machine_.expect_clean();
  }
}

// A step of `rows` rows that fails at its call `i`, with others in flight.
void expect_loss(Engine& engine, FakeMachine& machine, std::size_t rows, std::size_t i, Status status, bool replaced) {
  const auto one = *engine.begin_sequence();
  const auto other = *engine.begin_sequence();
  const BatchRow first{4, other, 0, true};
  ASSERT_TRUE(engine.step({&first, 1}));
  std::vector<BatchRow> batch;
  for (std::uint32_t row = 0; row < rows; ++row) batch.push_back({1, one, row, true});
  machine.driver.fail_after(i, status, true);
  const auto failed = engine.step(batch);
  ASSERT_FALSE(failed) << "call " << i;
  EXPECT_EQ(failed.error().kind, ErrorKind::kDeviceLost);
  EXPECT_NE(failed.error().message.find("CUDA"), std::string::npos);
  // What was in flight is told so, for as long as it is open.
  const BatchRow next{4, other, 1, true};
  const auto gone = engine.step({&next, 1});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::kDeviceLost);
  EXPECT_EQ(engine.length(other), 0U);
  engine.end_sequence(one);
  engine.end_sequence(other);
  EXPECT_EQ(engine.device().is_gpu, !replaced);
  EXPECT_EQ(engine.is_lost(), !replaced);
}

// Calls of one step of so many rows.
std::size_t calls_of_a_step(Engine& engine, const FakeMachine& machine, std::size_t rows) {
  const auto sequence = *engine.begin_sequence();
  std::vector<BatchRow> batch;
  for (std::uint32_t row = 0; row < rows; ++row) batch.push_back({1, sequence, row, true});
  const std::size_t before = machine.driver.calls();
  EXPECT_TRUE(engine.step(batch));
  engine.end_sequence(sequence);
  return machine.driver.calls() - before;
}

TEST_F(Faults, OfAStepLoseTheDeviceAndTheProcessorGoesOn) {
  const auto expected = processor_logits(*model_);
  EngineOptions options = on(DeviceChoice::kAuto);
  options.max_sequences = 2;
  for (const std::size_t rows : {1U, 3U}) {  // A graph, and launches.
    std::size_t calls = 0;
    {
      auto engine = *Engine::open(model_->bytes(), options);
      calls = calls_of_a_step(engine, machine_, rows);
    }
    for (std::size_t i = 0; i < calls; ++i) {
      machine_.driver.fail_after(~std::size_t{0}, kSuccess);
      auto engine = *Engine::open(model_->bytes(), options);
      ASSERT_TRUE(engine.device().is_gpu);
      expect_loss(engine, machine_, rows, i, kErrors[i % std::size(kErrors)], true);
      EXPECT_NE(engine.device().reason.find("the GPU was lost"), std::string::npos);
      EXPECT_EQ(machine_.driver.alive(), 0U) << "the device is given back at once";
      EXPECT_EQ(all_logits(engine, kText, 2), expected);
    }
  }
}

TEST_F(Faults, WhereAGpuWasAskedForEveryLaterStepFails) {
  EngineOptions options = on(DeviceChoice::kCuda);
  options.max_sequences = 2;
  auto engine = *Engine::open(model_->bytes(), options);
  expect_loss(engine, machine_, 1, 1, kLaunchFailed, false);
  machine_.driver.fail_after(~std::size_t{0}, kSuccess);
  const BatchRow row{1, *engine.begin_sequence(), 0, true};
  const auto later = engine.step({&row, 1});
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().kind, ErrorKind::kDeviceLost);
  EXPECT_TRUE(engine.is_lost());
}

TEST_F(Faults, ADeviceThatHangsIsLost) {
  const auto expected = processor_logits(*model_);
  auto engine = *Engine::open(model_->bytes(), on(DeviceChoice::kAuto));
  machine_.driver.hang();
  const auto sequence = *engine.begin_sequence();
  const BatchRow row{1, sequence, 0, true};
  const auto failed = engine.step({&row, 1});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kDeviceLost);
  EXPECT_NE(failed.error().message.find("no answer within"), std::string::npos) << failed.error().message;
  engine.end_sequence(sequence);
  EXPECT_EQ(all_logits(engine, kText, 2), expected);
}

// The budget that the GPU's memory did not count against does not hold the processor's needs.
TEST_F(Faults, AProcessorWithoutRoomCannotTakeOver) {
  EngineOptions options = on(DeviceChoice::kAuto);
  options.max_sequences = 250;  // A cache of more than the driver's own heap.
  options.context = 512;
  options.memory_budget = Engine::plan(*gguf::Reader::open(model_->bytes()), options)->budgeted();
  auto engine = *Engine::open(model_->bytes(), options);
  ASSERT_TRUE(engine.device().is_gpu);
  machine_.driver.fail_after(0, kLaunchFailed, true);
  const BatchRow row{1, *engine.begin_sequence(), 0, true};
  const auto failed = engine.step({&row, 1});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("cannot take over"), std::string::npos) << failed.error().message;
  EXPECT_EQ(engine.step({&row, 1}).error().kind, ErrorKind::kDeviceLost);
}

}  // namespace
}  // namespace linnet::engine::cuda::test
