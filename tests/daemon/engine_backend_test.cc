// The engine behind the service: what breaks under it ends the answers that it hit, and the next one finds a model.
#include "runtime/daemon/engine_backend.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <new>
#include <thread>

#include "runtime/daemon/bus_guard.h"
#include "runtime/daemon/pacer.h"
#include "tests/source_tree.h"

namespace linnet::daemon {
namespace {

constexpr auto kOverwrite = std::filesystem::copy_options::overwrite_existing;

class Watcher final : public JobListener {
 public:
  void on_text(const Job& job, text::AnswerPart part, std::string_view words, std::uint64_t) override {
    ++pieces;
    (part == text::AnswerPart::kText ? text : reasoning) += words;
    texts[job.key.id] += words;
    if (during) during();
  }
  void on_end(const Job& job, const Result<JobReport>& report) override {
    order.push_back(job.key.id);
    ends[job.key.id] = report ? std::string(report->finish) : "failed";
    if (report) reused[job.key.id] = report->reused_tokens;
    if (!report) kinds[job.key.id] = report.error().kind;
  }
  std::optional<Job> on_room(std::string_view model, Priority least) override {
    if (joins.empty() || pieces < join_after || model != "first") return std::nullopt;
    if (joins.back().priority < least) return std::nullopt;
    Job job = joins.back();
    joins.pop_back();
    return job;
  }
  std::vector<Job> joins;
  int join_after = 0;
  std::vector<std::string> order;  // Of the ends.
  int pieces = 0;
  std::string text, reasoning;
  std::function<void()> during;
  std::map<std::string, std::string> ends, texts;
  std::map<std::string, std::uint64_t> reused;
  std::map<std::string, ErrorKind> kinds;
};

class EngineBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(install_bus_guard());
    path_ = testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".gguf";
    std::filesystem::copy_file(tiny(), path_, kOverwrite);
    ModelConfig model;
    model.path = path_;
    std::map<std::string, ModelConfig> models = {{"first", model}, {"second", model}};
    host_ = std::make_unique<ModelHost>(
        std::move(models), "first",
        HostOptions{.threads = 1, .memory_budget = std::nullopt, .at_once = 2, .may_pause = 2},
        language::inspect_machine, [this](const ModelState& state) { states_.emplace_back(state.state); });
    backend_ = std::make_unique<EngineBackend>(*host_, energy_, 2, 64);
    arguments_.prompt = "The rain in the north";
  }

  // Its weights are mapped as they lie in the file: no packed copy stands between. It answers until it may no more.
  static std::filesystem::path tiny() { return linnet::test::source_tree() / "tests/data/models/llama-f16.gguf"; }

  Job job(const std::string& id, std::string_view model = "") {
    return {.key = {"t", id}, .arguments = &arguments_, .cancelled = &cancelled_, .model = model};
  }
  void run(std::vector<Job> jobs) { backend_->run(jobs, watcher_); }
  // What is there from now on, put there in one move.
  void replace_file_by(const std::filesystem::path& other) {
    std::filesystem::copy_file(other, path_ + ".new", kOverwrite);
    std::filesystem::rename(path_ + ".new", path_);
  }

  std::string path_;
  EnergyMeter energy_;
  std::unique_ptr<ModelHost> host_;
  std::unique_ptr<EngineBackend> backend_;
  InferArguments arguments_;
  std::atomic<bool> cancelled_{false};
  Watcher watcher_;
  std::vector<std::string> states_;
};

TEST_F(EngineBackendTest, WhatIsThrownEndsItsModelOnlyAndTheModelIsOpenedAnew) {
  watcher_.during = [&] {
    if (watcher_.pieces == 2) throw std::bad_alloc();
  };
  EXPECT_THROW(run({job("1", "first"), job("2", "second")}), std::bad_alloc);
  EXPECT_FALSE(watcher_.ends.contains("1"));
  EXPECT_EQ(watcher_.ends["2"], "length");
  run({job("3", "first")});
  EXPECT_EQ(watcher_.ends["3"], "length");
  EXPECT_EQ(states_, (std::vector<std::string>{"loading", "ready", "failed", "loading", "ready", "loading", "ready"}));
}

TEST_F(EngineBackendTest, AnAnswerJoinsWhileAnotherIsBeingGiven) {
  InferArguments brief = arguments_;
  brief.max_tokens = 3;
  for (const char* id : {"4", "3", "2"}) {
    watcher_.joins.push_back(job(id));
    watcher_.joins.back().arguments = &brief;
  }
  watcher_.join_after = 5;
  run({job("1")});
  EXPECT_EQ(watcher_.order, (std::vector<std::string>{"2", "3", "4", "1"})) << "one after another on the second lane";
  for (const auto& [id, end] : watcher_.ends) EXPECT_EQ(end, "length") << id;
  EXPECT_EQ(states_, (std::vector<std::string>{"loading", "ready"}));
}

// Two run; two more urgent ones take their places, one after the other, and all say what they say alone.
TEST_F(EngineBackendTest, ALessUrgentAnswerPausesAndGoesOn) {
  InferArguments other = arguments_;
  other.prompt = "Snow on the hills";
  InferArguments urgent = other;
  urgent.max_tokens = 8;
  const auto begin = [&](const char* id, Priority priority, const InferArguments& arguments) {
    Job begun = job(id);
    begun.priority = priority;
    begun.arguments = &arguments;
    return begun;
  };
  watcher_.joins = {begin("high", Priority::kHigh, urgent), begin("normal", Priority::kNormal, urgent)};
  watcher_.join_after = 7;
  run({begin("low", Priority::kLow, arguments_), begin("low2", Priority::kLow, other)});
  EXPECT_EQ(watcher_.order, (std::vector<std::string>{"normal", "high", "low", "low2"}));
  const auto together = std::exchange(watcher_.texts, {});
  for (const auto& [id, arguments] : {std::pair("low", &arguments_), {"low2", &other}, {"high", &urgent}}) {
    run({begin(id, Priority::kNormal, *arguments)});
    EXPECT_EQ(watcher_.texts[id], together.at(id)) << id;
  }
  EXPECT_EQ(together.at("normal"), together.at("high"));
}

TEST_F(EngineBackendTest, APausedAnswerCanBeCancelled) {
  std::atomic<bool> cancelled{false};
  Job low = job("low");
  low.priority = Priority::kLow;
  low.cancelled = &cancelled;
  for (const char* id : {"high1", "high2"}) {
    watcher_.joins.push_back(job(id));
    watcher_.joins.back().priority = Priority::kHigh;
  }
  watcher_.join_after = 4;
  watcher_.during = [&] { cancelled = watcher_.pieces > 40; };
  run({low});
  EXPECT_EQ(watcher_.order.front(), "low");
  EXPECT_EQ(watcher_.ends["low"], "cancelled");
  EXPECT_EQ(watcher_.ends["high1"], "length");
}

// What the governor says under a weak supply: 0.4 of the time, one answer at a time.
class PacedBackendTest : public EngineBackendTest {
 protected:
  void SetUp() override {
    EngineBackendTest::SetUp();
    run({job("warm")});
    watcher_ = {};
    hal::Vitals vitals;
    vitals.time = Clock::now();
    vitals.under_voltage = true;
    pacer_.sample({}, vitals, {});
    backend_->obey(&pacer_);
  }
  double milliseconds_of(std::vector<Job> jobs) {
    const auto started = Clock::now();
    run(std::move(jobs));
    return milliseconds_between(started, Clock::now());
  }

  Pacer pacer_;
};

TEST_F(PacedBackendTest, AnswersAreGivenOneAtATimeAndSayWhatTheySayAtFullSpeed) {
  EXPECT_EQ(backend_->batch_limit(), 1U);
  std::vector<std::string> seen;
  watcher_.during = [&] { seen.push_back(std::to_string(watcher_.texts.size())); };
  run({job("1"), job("2")});
  EXPECT_EQ(watcher_.order, (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end())) << "the second began before the first had ended";
  const auto paced = std::exchange(watcher_.texts, {});
  watcher_.during = nullptr;
  backend_->obey(nullptr);
  run({job("1"), job("2")});
  EXPECT_EQ(watcher_.texts, paced);
}

// Ten answers with a step of 40 ms each: at 0.4 they owe 600 ms of pauses, of which 250 are credit and the last
// answer's own may be left. Other programs can only make it longer.
TEST_F(PacedBackendTest, PausesBetweenSteps) {
  watcher_.during = [&] {
    if (watcher_.pieces == 1) std::this_thread::sleep_for(std::chrono::milliseconds(40));
  };
  double spent = 0;
  for (int i = 0; i < 10; ++i) {
    watcher_.pieces = 0;
    spent += milliseconds_of({job("1")});
  }
  EXPECT_GT(spent, 400 + 600 - 250 - 60);
}

TEST_F(PacedBackendTest, AnAnswerThatIsCancelledInAPauseEndsThere) {
  watcher_.during = [&] {
    if (!cancelled_.exchange(true)) std::this_thread::sleep_for(std::chrono::seconds(2));  // Of three seconds of pause.
  };
  EXPECT_LT(milliseconds_of({job("1")}), 3500);
  EXPECT_EQ(watcher_.ends["1"], "cancelled");
}

TEST_F(EngineBackendTest, ALaterPromptThatBeginsAlikeIsNotComputedAgain) {
  run({job("1")});
  EXPECT_EQ(watcher_.reused["1"], 0U);
  run({job("2")});
  EXPECT_GT(watcher_.reused["2"], 0U);
  EXPECT_EQ(watcher_.texts["2"], watcher_.texts["1"]);
  Job afresh = job("3");
  afresh.reuse_prefix = false;
  run({afresh});
  EXPECT_EQ(watcher_.reused["3"], 0U);
  EXPECT_EQ(watcher_.texts["3"], watcher_.texts["1"]);
}

TEST_F(EngineBackendTest, NobodyJoinsAModelWhoseFileWasReplaced) {
  watcher_.joins.push_back(job("2"));
  watcher_.join_after = 5;
  watcher_.during = [&] {
    if (watcher_.pieces == 3) replace_file_by(tiny());
  };
  run({job("1")});
  EXPECT_EQ(watcher_.order, (std::vector<std::string>{"1"}));
}

TEST_F(EngineBackendTest, AFileCutUnderItFailsWhatRunsAndWhatComesUntilItIsWholeAgain) {
  watcher_.during = [&] {
    if (watcher_.pieces != 3) return;
    ASSERT_EQ(truncate(path_.c_str(), 100000), 0);
  };
  run({job("1"), job("2")});
  for (const char* id : {"1", "2"}) {
    EXPECT_EQ(watcher_.ends[id], "failed");
    EXPECT_EQ(watcher_.kinds[id], ErrorKind::kIo);
  }
  run({job("3")});
  EXPECT_EQ(watcher_.kinds["3"], ErrorKind::kIo) << "what is left of the file is no model";
  std::filesystem::copy_file(tiny(), path_, kOverwrite);
  run({job("4")});
  EXPECT_EQ(watcher_.ends["4"], "length");
}

// Before the first token: the tokenizer's tables are mapped too.
TEST_F(EngineBackendTest, AFileCutBetweenAnswersFailsTheNextAsIo) {
  run({job("1")});
  ASSERT_EQ(truncate(path_.c_str(), 4096), 0);
  run({job("2"), job("3")});
  EXPECT_EQ(watcher_.kinds["2"], ErrorKind::kIo);
  EXPECT_EQ(watcher_.kinds["3"], ErrorKind::kIo);
}

TEST_F(EngineBackendTest, AFileWrittenOverInPlaceFailsWhatRuns) {
  watcher_.during = [&] {
    if (watcher_.pieces == 3) std::filesystem::copy_file(tiny(), path_, kOverwrite);
  };
  run({job("1")});
  EXPECT_EQ(watcher_.kinds["1"], ErrorKind::kIo);
  run({job("2")});
  EXPECT_EQ(watcher_.ends["2"], "length");
}

TEST_F(EngineBackendTest, AFilePutInItsPlaceIsTakenByTheNextAnswerAndLeavesTheRunningOneAlone) {
  watcher_.during = [&] {
    if (watcher_.pieces == 3) replace_file_by(tiny());
  };
  run({job("1")});
  EXPECT_EQ(watcher_.ends["1"], "length");
  run({job("2")});
  EXPECT_EQ(watcher_.ends["2"], "length");
  EXPECT_EQ(states_, (std::vector<std::string>{"loading", "ready", "loading", "ready"}));
  replace_file_by(tiny().parent_path() / "bert_to_gguf.py");
  run({job("3")});
  EXPECT_EQ(watcher_.kinds["3"], ErrorKind::kIo);
}

TEST_F(EngineBackendTest, AModelThatCannotBeLoadedLeavesTheOneThatIs) {
  ASSERT_TRUE(host_->load("first"));
  std::filesystem::rename(path_, path_ + ".away");
  EXPECT_FALSE(host_->load("second"));
  EXPECT_EQ(host_->loaded(), "first");
  EXPECT_EQ(states_, (std::vector<std::string>{"loading", "ready", "loading", "failed", "ready"}));
  ASSERT_TRUE(host_->unload("first"));
  std::filesystem::rename(path_ + ".away", path_);
  run({job("1")});
  EXPECT_EQ(host_->loaded(), "first") << "whoever names none gets the one that was there";
}

TEST_F(EngineBackendTest, ThePlanHasRoomForASchemaOfEachAnswer) {
  const auto model = host_->ready("first");
  ASSERT_TRUE(model);
  const auto& rows = (*model)->engine().plan().rows;
  const auto text = std::ranges::find(rows, "text", [](const auto& row) { return row.name; });
  ASSERT_NE(text, rows.end());
  const auto form = language::ForcedForm::bare_memory(*(*model)->text().tokenizer);
  const RequestLimits limits;
  EXPECT_GE(text->size.count, 4 * (form.count + limits.grammar_bytes));
  auto* made = (*model)->json_form((*model)->lane(0));
  EXPECT_EQ(made->memory().count, form.count) << "as much as was planned";
}

// The answer has the schema's form, whatever the model would say; the tiny one says anything.
TEST_F(EngineBackendTest, ASchemaAndResponseJsonHoldTheAnswer) {
  const auto request = parse_request(
      OperationKind::kInfer,
      R"({"id":"1","args":{"prompt":"a","schema":{"enum":["north","south"]},"response":"json","max_tokens":60}})");
  ASSERT_TRUE(request) << request.error().reason;
  arguments_ = std::get<InferArguments>(request->arguments);
  run({job("1")});
  EXPECT_EQ(watcher_.ends["1"], "stop");
  EXPECT_TRUE(watcher_.text == "\"north\"" || watcher_.text == "\"south\"") << watcher_.text;
  watcher_.text.clear();
  arguments_ = {};
  arguments_.prompt = "a";
  arguments_.response = ResponseForm::kJson;
  arguments_.max_tokens = 40;
  run({job("2")});
  EXPECT_TRUE(watcher_.text.starts_with("{")) << watcher_.text;
}

// Memory runs short while an answer is being given: it says what it said before, and nothing is kept for the next one.
TEST_F(EngineBackendTest, GivesMemoryBackAndAnswersTheSame) {
  MemoryWatch memory;
  host_->obey(&memory);
  run({job("before")});
  hal::Vitals vitals;
  vitals.memory_pressure = hal::Pressure{40, 10};
  vitals.memory_available = Bytes{0};
  watcher_.during = [&] { memory.sample(vitals); };
  run({job("short")});
  EXPECT_EQ(watcher_.texts["short"], watcher_.texts["before"]);
  const MemoryFigures short_of = memory.figures();
  EXPECT_TRUE(short_of.is_short);
  EXPECT_GE(short_of.reliefs, 1u);
  EXPECT_GT(short_of.given_back.count, 0u);
  EXPECT_GT(short_of.streamed.count, 0u);
  vitals.memory_pressure = hal::Pressure{0, 0};
  vitals.memory_available = Bytes{std::uint64_t{1} << 40};
  watcher_.during = nullptr;
  memory.sample(vitals);
  host_->mind_memory();
  EXPECT_FALSE(memory.figures().is_short);
  EXPECT_EQ(memory.figures().streamed.count, 0u) << "all weights stay again";
  EXPECT_EQ(memory.figures().reliefs, short_of.reliefs);
  run({job("after")});
  EXPECT_EQ(watcher_.texts["after"], watcher_.texts["before"]);
}

}  // namespace
}  // namespace linnet::daemon
