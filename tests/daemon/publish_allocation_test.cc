// From a token to the message that libmosquitto takes over, the daemon takes no memory of its own: counted.
//
// The whole path runs: engine, pieces of text, chunks, JSON, publishing to a real broker. libmosquitto copies each
// message and its properties to hand them to its thread; what it takes meanwhile is counted apart, by functions of its
// names in this program that call its own, and so is what its thread takes.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <mosquitto.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/daemon/engine_backend.h"
#include "runtime/daemon/telemetry.h"
#include "tests/daemon/service_fixture.h"
#include "tests/mqtt/brokers.h"
#include "tests/source_tree.h"

extern "C" std::uint64_t linnet_thread_allocation_count();

namespace {

thread_local std::uint64_t of_library = 0;
thread_local int messages = 0;

// The library's function of that name, with what it takes counted as its own.
template <class Function, class... Arguments>
int in_library(const char* name, Arguments... arguments) {
  const auto before = linnet_thread_allocation_count();
  const int code = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name))(arguments...);
  of_library += linnet_thread_allocation_count() - before;
  return code;
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the library abbreviates.
extern "C" {
int mosquitto_publish_v5(mosquitto* client, int* token, const char* topic, int size, const void* payload, int qos,
                         bool retain, const mosquitto_property* properties) {
  ++messages;
  return in_library<decltype(&mosquitto_publish_v5)>("mosquitto_publish_v5", client, token, topic, size, payload, qos,
                                                     retain, properties);
}
int mosquitto_property_add_byte(mosquitto_property** list, int id, uint8_t value) {
  return in_library<decltype(&mosquitto_property_add_byte)>("mosquitto_property_add_byte", list, id, value);
}
int mosquitto_property_add_string(mosquitto_property** list, int id, const char* value) {
  return in_library<decltype(&mosquitto_property_add_string)>("mosquitto_property_add_string", list, id, value);
}
int mosquitto_property_add_binary(mosquitto_property** list, int id, const void* value, uint16_t size) {
  return in_library<decltype(&mosquitto_property_add_binary)>("mosquitto_property_add_binary", list, id, value, size);
}
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

namespace linnet::daemon {
namespace {

class Connection final : public MqttListener, public Publisher {
 public:
  explicit Connection(int port) {
    MqttOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.client_id = "linnet-allocation-test";
    session_ = *MqttSession::create(std::move(options), *this);
    session_->start();
  }
  void on_connected() override { online = true; }
  void on_disconnected() override { online = false; }
  void on_message(const IncomingMessage&) override {}
  void on_acknowledged(int, bool) override {}
  Result<int> publish(const OutgoingMessage& message) override { return session_->publish(message); }

  std::atomic<bool> online{false};

 private:
  std::unique_ptr<MqttSession> session_;
};

// Counts from the first token to the last: what the engine takes between two of them is in it too.
class Meter final : public Backend, public JobListener {
 public:
  explicit Meter(Backend& backend) : backend_(backend) {}
  std::size_t batch_limit() const override { return 1; }
  bool serves(std::string_view) const override { return true; }
  void run(std::span<const Job> jobs, JobListener& listener) override {
    listener_ = &listener;
    backend_.run(jobs, *this);
  }
  void on_text(const Job& job, text::AnswerPart part, std::string_view text, std::uint64_t count) override {
    if (tokens == 0) begin();
    listener_->on_text(job, part, text, count);
    tokens += count;
    ours = linnet_thread_allocation_count() - at_begin_ - (of_library - library_at_begin_);
    library = of_library - library_at_begin_;
    sent = messages - messages_at_begin_;
  }
  void on_end(const Job& job, const Result<JobReport>& report) override { listener_->on_end(job, report); }

  std::uint64_t tokens = 0, ours = 0, library = 0;
  int sent = 0;

 private:
  void begin() {
    at_begin_ = linnet_thread_allocation_count();
    library_at_begin_ = of_library;
    messages_at_begin_ = messages;
  }
  Backend& backend_;
  JobListener* listener_ = nullptr;
  std::uint64_t at_begin_ = 0, library_at_begin_ = 0;
  int messages_at_begin_ = 0;
};

class PublishAllocationTest : public ServiceTest {
 protected:
  // The figures of up to 256 tokens, asked for with `arguments` beside.
  void generate(const Json& arguments, Meter& meter) {
    mqtt::Mosquitto broker(mqtt::free_port());
    Connection connection(broker.port());
    ASSERT_TRUE(mqtt::eventually([&] { return connection.online.load(); }));
    auto journal = Journal::open(":memory:", {});
    ASSERT_TRUE(journal);
    GenerationFigures figures;
    options_.figures = &figures;
    service_ = std::make_unique<Service>(options_, *std::move(journal), meter, connection, levers_, clock_);
    Json request = infer("an-id-of-the-length-that-clients-use-01J");
    request["args"].update(arguments);
    request["args"]["max_tokens"] = 256;
    send("alice", "infer", request);
    ASSERT_TRUE(service_->run_next(milliseconds(0)));
    EXPECT_EQ(service_->counters().done, 1u);
    service_.reset();
  }
};

TEST_F(PublishAllocationTest, ATokensWayToTheBrokerTakesNoMemoryOfOurs) {
  if (!mqtt::Mosquitto::installed()) GTEST_SKIP() << "mosquitto is not installed";
  const MqttLibrary mosquitto;
  ModelConfig model;
  model.path = linnet::test::source_tree() / "tests/data/models/llama-f16.gguf";
  ModelHost host({{"tiny", model}}, "tiny", HostOptions{1, std::nullopt, 1}, language::inspect_machine,
                 [](const ModelState&) {});
  const EnergyMeter energy;
  EngineBackend backend(host, energy, 1, 256);
  for (const Json& arguments :
       {Json::object(), Json{{"stop", {"never said"}}}, Json{{"temperature", 0.8}, {"seed", 3}}}) {
    Meter meter(backend);
    generate(arguments, meter);
    EXPECT_GT(meter.tokens, 60u) << "it ends by itself after that";
    EXPECT_GE(meter.sent, static_cast<int>(meter.tokens / (AnswerStream::kChunkTokens + 1)));
    EXPECT_GT(meter.library, static_cast<std::uint64_t>(meter.sent)) << "libmosquitto copies: the counting works";
    EXPECT_EQ(meter.ours, 0u) << arguments;
  }
}

}  // namespace
}  // namespace linnet::daemon
