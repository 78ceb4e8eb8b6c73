// A service on a journal of its own, with an engine that says a script, and everything that it publishes.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/daemon/service.h"

namespace linnet::daemon {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Sent {
  [[nodiscard]] Json body() const;

  std::string topic, correlation, bytes;
  int qos;
};

// Keeps what is published; acknowledges nothing by itself.
class Recorder final : public Publisher {
 public:
  Result<int> publish(const OutgoingMessage& m) override {
    if (during) during();
    if (!connected) return fail(ErrorKind::kBusy, "not connected");
    if (m.payload.size() > largest) return fail(ErrorKind::kUsage, "too large");
    sent.push_back({std::string(m.topic), std::string(m.correlation), std::string(m.payload), m.qos});
    return ++last_token;
  }
  // The messages of one request, in order.
  [[nodiscard]] std::vector<Json> of(const std::string& id) const;

  bool connected = true;
  std::size_t largest = std::size_t{1} << 20;
  std::function<void()> during;
  int last_token = 0;
  std::vector<Sent> sent;
};

// Says the words of `script`, one token each; those that begin with ~ are thoughts. Its model is called "parrot".
class Parrot final : public Backend {
 public:
  std::size_t batch_limit() const override { return limit; }
  bool serves(std::string_view) const override { return true; }
  void run(std::span<const Job> jobs, JobListener& listener) override {
    batches.push_back(jobs.size());
    if (in_chorus) say_in_chorus(jobs, listener);
    for (const Job& job : jobs) listener.on_end(job, in_chorus ? said() : say(job, listener));
    while (const auto job = listener.on_room("parrot", least)) listener.on_end(*job, say(*job, listener));
  }

  static JobReport said() {
    JobReport report;
    report.finish = "stop";
    return report;
  }

  Result<JobReport> say(const Job& job, JobListener& listener) {
    JobReport report = said();
    for (const std::string& word : script) {
      if (*job.cancelled) report.finish = "cancelled";
      if (*job.cancelled) break;
      if (word == "FAIL") return fail(ErrorKind::kIo, "the model file changed");
      const bool thought = word.starts_with("~");
      listener.on_text(job, thought ? text::AnswerPart::kReasoning : text::AnswerPart::kText,
                       std::string_view(word).substr(thought ? 1 : 0), 1);
      if (during) during();
      ++report.tokens;
    }
    return report;
  }

  // A word of each answer by turns, as from common steps; each answer begins a step after the one before it.
  void say_in_chorus(std::span<const Job> jobs, JobListener& listener) {
    for (std::size_t step = 0; step < script.size() + jobs.size() - 1; ++step) {
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i <= step && step - i < script.size())
          listener.on_text(jobs[i], text::AnswerPart::kText, script[step - i], 1);
      }
      if (during) during();
    }
  }

  bool in_chorus = false;
  std::size_t limit = 2;
  Priority least = Priority::kLow;  // Of what joins.
  std::vector<std::string> script = {"Hello", " ", "world"};
  std::function<void()> during;
  std::vector<std::size_t> batches;
};

class Levers final : public Operations {
 public:
  Result<std::string> inspect(std::string_view, const Request&) override { return std::string("{\"ok\":true}"); }
  Result<std::string> act(std::string_view, const Request& request) override {
    ++acts;
    if (during) during();
    if (std::get<GpioArguments>(request.arguments).line == "STUCK") return fail(ErrorKind::kIo, "STUCK: stuck");
    return std::string("true");
  }
  Result<std::string> compute(const Request& request, FunctionRef<bool()> stopped) override {
    ++computations;
    if (during) during();
    if (stopped()) return fail(ErrorKind::kInterrupted, "stopped");
    if (std::get<EmbedArguments>(request.arguments).texts.front() == "LONG") return fail(ErrorKind::kExhausted, "long");
    return std::string("[1]");
  }
  int acts = 0;
  int computations = 0;
  std::function<void()> during;
};

// Does one deed for each answer.
class Deeds final : public AnswerActions {
 public:
  std::vector<Deed> deeds_of(std::string_view, std::optional<double>) override { return {{"r", "line LAMP", refused}}; }
  Result<void> perform(const Deed&) override {
    ++done;
    if (during) during();
    return {};
  }
  std::string refused;
  int done = 0;
  std::function<void()> during;
};

class TestClock final : public ServiceClock {
 public:
  Clock::time_point now() const override { return Clock::time_point(time); }
  std::chrono::nanoseconds boot_time() const override { return time; }
  std::optional<seconds> trusted_wall() const override { return synchronised ? std::optional(wall()) : std::nullopt; }
  seconds wall() const override { return wall_at_boot + std::chrono::duration_cast<seconds>(time); }

  std::chrono::nanoseconds time{seconds(100)};
  seconds wall_at_boot{1000000};
  bool synchronised = true;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "service-" + testing::UnitTest::GetInstance()->current_test_info()->name();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    options_.address = {"linnet", "home", "n1"};
    options_.boot_id = "boot-1";
    options_.roles.assign("alice", Role::kOperator);
    options_.roles.assign("bob", Role::kRequester);
    options_.roles.assign("eve", Role::kViewer);
    start();
  }

  // Starts the service on the journal that is there, as after a crash.
  void start() {
    service_.reset();
    auto journal = Journal::open(path_, {});
    ASSERT_TRUE(journal);
    service_ = std::make_unique<Service>(options_, *std::move(journal), parrot_, recorder_, levers_, clock_);
    ASSERT_TRUE(service_->recover());
  }

  void send(const std::string& who, const std::string& operation, const Json& body,
            std::optional<seconds> expiry = std::nullopt);
  void send_raw(const std::string& topic, const std::string& payload, std::optional<seconds> expiry = std::nullopt) {
    IncomingMessage message;
    message.topic = topic;
    message.payload = payload;
    message.correlation = "c1";
    message.expiry = expiry;
    service_->receive(message);
  }
  [[nodiscard]] static Json infer(const std::string& id);
  void acknowledge_all() {
    for (int token = 1; token <= recorder_.last_token; ++token) service_->on_acknowledged(token, true);
  }

  std::string path_;
  ServiceOptions options_;
  Recorder recorder_;
  Parrot parrot_;
  Levers levers_;
  TestClock clock_;
  std::unique_ptr<Service> service_;
};

}  // namespace linnet::daemon
