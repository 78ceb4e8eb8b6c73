#include "runtime/mqtt/session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <mutex>
#include <set>

#include "tests/mqtt/brokers.h"

namespace linnet::mqtt {
namespace {

struct Received {
  std::string topic, payload, response_topic, correlation, epoch;
  std::optional<std::chrono::seconds> expiry;
};

class Recorder : public Listener {
 public:
  explicit Recorder(std::string filter = "") : filter_(std::move(filter)) {}
  void attach(Session* session) { session_ = session; }

  void on_connected() override {
    ++connected;
    if (during_connected && connected == 1) throw std::bad_alloc();
    if (filter_.empty()) return;
    EXPECT_TRUE(session_.load()->subscribe(filter_, 1, false));
  }
  void on_disconnected() override { ++disconnected; }
  void on_message(const IncomingMessage& m) override {
    if (m.payload == "throw") throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    received_.push_back({std::string(m.topic), std::string(m.payload), std::string(m.response_topic),
                         std::string(m.correlation), std::string(m.epoch), m.expiry});
  }
  void on_subscribed(bool accepted) override { ++(accepted ? subscriptions_granted : subscriptions_refused); }
  void on_acknowledged(int token, bool accepted) override {
    const std::lock_guard lock(mutex_);
    if (accepted) tokens_.insert(token);
  }

  std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  bool acknowledged(int token) const {
    const std::lock_guard lock(mutex_);
    return tokens_.contains(token);
  }

  std::atomic<int> connected{0};
  std::atomic<bool> during_connected{false};  // The first on_connected() throws.
  std::atomic<int> disconnected{0};
  std::atomic<int> subscriptions_granted{0};
  std::atomic<int> subscriptions_refused{0};

 private:
  std::string filter_;
  std::atomic<Session*> session_{nullptr};
  mutable std::mutex mutex_;
  std::vector<Received> received_;
  std::set<int> tokens_;
};

Options quick_options(int port) {
  Options options;
  options.host = "127.0.0.1";
  options.port = port;
  options.client_id = "linnet-test";
  options.first_backoff = std::chrono::milliseconds(20);
  options.longest_backoff = std::chrono::milliseconds(100);
  return options;
}

class MqttSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Mosquitto::installed()) GTEST_SKIP() << "mosquitto is not installed: the sessions are not tested";
  }

  std::unique_ptr<Session> open(Options options, Recorder& recorder) {
    auto session = Session::create(std::move(options), recorder);
    EXPECT_TRUE(session);
    recorder.attach(session->get());
    (*session)->start();
    return *std::move(session);
  }

  Library library_;
};

TEST_F(MqttSessionTest, AMessageGoesRoundWithItsProperties) {
  Mosquitto broker(free_port());
  Recorder recorder("t/#");
  const auto session = open(quick_options(broker.port()), recorder);
  ASSERT_TRUE(eventually([&] { return recorder.connected == 1; }));
  const auto token = session->publish({.topic = "t/a",
                                       .payload = "{}",
                                       .qos = 1,
                                       .response_topic = "t/answers",
                                       .correlation = std::string_view("\0x", 2),
                                       .epoch = "7",
                                       .expiry = std::chrono::seconds(60)});
  ASSERT_TRUE(token);
  ASSERT_TRUE(eventually([&] { return recorder.acknowledged(*token) && !recorder.received().empty(); }));
  const Received message = recorder.received().front();
  EXPECT_EQ(message.topic, "t/a");
  EXPECT_EQ(message.payload, "{}");
  EXPECT_EQ(message.response_topic, "t/answers");
  EXPECT_EQ(message.correlation, std::string("\0x", 2));
  EXPECT_EQ(message.epoch, "7");
  EXPECT_TRUE(message.expiry && message.expiry->count() <= 60);
}

TEST_F(MqttSessionTest, ItComesBackAfterTheBrokerDied) {
  Mosquitto broker(free_port());
  Recorder recorder("t/#");
  const auto session = open(quick_options(broker.port()), recorder);
  ASSERT_TRUE(eventually([&] { return recorder.connected == 1; }));
  broker.kill();
  ASSERT_TRUE(eventually([&] { return recorder.disconnected == 1; }));
  const auto refused = session->publish({.topic = "t/a", .payload = "lost", .qos = 1});
  ASSERT_FALSE(refused) << "nothing may be queued where nobody sees it";
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_FALSE(session->status().last_failure.empty());
  broker.start();
  ASSERT_TRUE(eventually([&] { return recorder.connected == 2; }));
  ASSERT_TRUE(session->publish({.topic = "t/a", .payload = "back", .qos = 1}));
  ASSERT_TRUE(eventually([&] { return !recorder.received().empty(); }));
  EXPECT_EQ(recorder.received().front().payload, "back");
}

TEST_F(MqttSessionTest, APersistentSessionGetsWhatCameWhileItWasAway) {
  Mosquitto broker(free_port());
  Recorder away("t/#");
  {
    const auto session = open(quick_options(broker.port()), away);
    ASSERT_TRUE(eventually([&] { return away.connected == 1; }));
    // The subscription is answered in order with this message.
    const auto token = session->publish({.topic = "x", .payload = "", .qos = 1});
    ASSERT_TRUE(eventually([&] { return away.acknowledged(*token); }));
  }
  Recorder sender;
  Options other = quick_options(broker.port());
  other.client_id = "other";
  const auto sending = open(other, sender);
  ASSERT_TRUE(eventually([&] { return sender.connected == 1; }));
  const auto token = sending->publish({.topic = "t/late", .payload = "kept", .qos = 1});
  ASSERT_TRUE(eventually([&] { return sender.acknowledged(*token); }));
  Recorder back;
  const auto session = open(quick_options(broker.port()), back);
  ASSERT_TRUE(eventually([&] { return !back.received().empty(); }));
  EXPECT_EQ(back.received().front().payload, "kept");
}

TEST_F(MqttSessionTest, TheWillIsPublishedWhenTheClientIsCutOffAndNotWhenItStops) {
  Mosquitto broker(free_port());
  Recorder watcher("t/avail");
  Options watching = quick_options(broker.port());
  watching.client_id = "watcher";
  const auto watch = open(watching, watcher);
  ASSERT_TRUE(eventually([&] { return watcher.connected == 1; }));
  Options options = quick_options(broker.port());
  options.will = Will{"t/avail", "offline", std::chrono::seconds(0), "3"};
  Recorder recorder;
  auto session = open(options, recorder);
  ASSERT_TRUE(eventually([&] { return recorder.connected == 1; }));
  session->stop();
  Recorder second;
  session = open(options, second);
  ASSERT_TRUE(eventually([&] { return second.connected == 1; }));
  EXPECT_TRUE(watcher.received().empty()) << "a clean stop sends no will";
  session->stop(true);
  ASSERT_TRUE(eventually([&] { return !watcher.received().empty(); }));
  EXPECT_EQ(watcher.received().front().epoch, "3");
}

// Mosquitto grants every filter and holds back messages; other brokers refuse.
TEST_F(MqttSessionTest, ARefusedSubscriptionIsTold) {
  ScriptedBroker broker([](int socket, int) {
    send_bytes(socket, connack(0));
    std::array<unsigned char, 64> subscribe{};
    if (recv(socket, subscribe.data(), subscribe.size(), 0) < 4) return;
    const unsigned char refusal[] = {0x90, 4, subscribe[2], subscribe[3], 0, 0x87};
    send_bytes(socket, refusal);
    (void)!recv(socket, subscribe.data(), subscribe.size(), 0);
  });
  Recorder recorder("denied/#");
  const auto session = open(quick_options(broker.port()), recorder);
  EXPECT_TRUE(eventually([&] { return recorder.subscriptions_refused >= 1; }));
}

// Refusals end libmosquitto's own thread for good; ours must go on asking.
TEST_F(MqttSessionTest, ItGoesOnAfterEveryRefusal) {
  for (const int reason : {0x87, 0x88, 0x89, 0x97}) {
    ScriptedBroker broker([&](int socket, int) { send_bytes(socket, connack(static_cast<unsigned char>(reason))); });
    Recorder recorder;
    const auto session = open(quick_options(broker.port()), recorder);
    EXPECT_TRUE(eventually([&] { return broker.connections() >= 4; })) << reason;
    EXPECT_EQ(recorder.connected, 0);
    EXPECT_NE(session->status().last_failure.find("refused"), std::string::npos) << session->status().last_failure;
  }
}

TEST_F(MqttSessionTest, MalformedFramesEndTheConnectionNotTheSession) {
  ScriptedBroker broker([](int socket, int connection) {
    if (connection % 2 == 0) {
      send_bytes(socket, connack(0));
      const unsigned char garbage[] = {0x30, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
      send_bytes(socket, garbage);
    } else {
      const unsigned char garbage[] = {0xF0, 0x00, 0x13, 0x37};
      send_bytes(socket, garbage);
    }
  });
  Recorder recorder;
  const auto session = open(quick_options(broker.port()), recorder);
  EXPECT_TRUE(eventually([&] { return broker.connections() >= 6; }));
}

TEST_F(MqttSessionTest, StoppingIsQuickWhereNobodyAnswers) {
  Recorder recorder;
  Options options = quick_options(free_port());
  options.longest_backoff = std::chrono::minutes(2);
  options.first_backoff = std::chrono::minutes(1);
  auto session = open(options, recorder);
  ASSERT_TRUE(eventually([&] { return session->status().attempts == 1; }));
  const auto start = Clock::now();
  session->stop();
  EXPECT_LT(milliseconds_between(start, Clock::now()), 4000);
}

// libmosquitto holds its locks while it calls: an exception that went through it would end the process.
TEST_F(MqttSessionTest, AListenerThatThrowsMissesThatAndNothingElse) {
  Mosquitto broker(free_port());
  Recorder recorder("t/#");
  recorder.during_connected = true;
  const auto session = open(quick_options(broker.port()), recorder);
  ASSERT_TRUE(eventually([&] { return recorder.connected == 2; })) << "what it missed, the next connection brings";
  ASSERT_TRUE(session->publish({.topic = "t/a", .payload = "throw", .qos = 1}));
  ASSERT_TRUE(session->publish({.topic = "t/a", .payload = "after", .qos = 1}));
  ASSERT_TRUE(eventually([&] { return recorder.received().size() == 1; }));
  EXPECT_EQ(recorder.received()[0].payload, "after");
  EXPECT_EQ(recorder.connected, 2);
}

// A SUBACK without reason codes once made clients read past it in their on_subscribe.
TEST(Security, Cve202410525SubackWithoutCodesIsNoPermission) {
  const Library library;
  ScriptedBroker broker([](int socket, int) {
    send_bytes(socket, connack(0));
    std::array<unsigned char, 64> packet{};
    const auto size = recv(socket, packet.data(), packet.size(), 0);  // SUBSCRIBE: its identifier is at 2 and 3.
    if (size < 4) return;
    send_bytes(socket, std::array<unsigned char, 5>{0x90, 3, packet[2], packet[3], 0});
    (void)recv(socket, packet.data(), packet.size(), 0);  // Until the client has had enough.
  });
  Recorder recorder("t/#");
  auto session = Session::create(quick_options(broker.port()), recorder);
  ASSERT_TRUE(session);
  recorder.attach(session->get());
  (*session)->start();
  EXPECT_TRUE(eventually([&] { return recorder.subscriptions_refused > 0 || broker.connections() > 1; }));
  EXPECT_EQ(recorder.subscriptions_granted, 0);
  (*session)->stop();
}

}  // namespace
}  // namespace linnet::mqtt
