// One connection to an MQTT 5 broker that is kept up for ever, on a thread of its own.
//
// libmosquitto's own network thread ends silently on some refusals and TLS failures, so the loop, the reconnects and
// the back-off are ours (docs/mqtt.md). Threaded mode makes the acknowledgement of a QoS 1 message leave after
// on_message returns: what the listener has put on the disk by then is what was promised.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/mqtt/resolver.h"

struct mosquitto;

namespace linnet::mqtt {

// A message from the broker. Views are valid during the call.
struct IncomingMessage {
  std::string_view topic;
  std::string_view payload;
  std::string_view response_topic;
  std::string_view correlation;
  std::string_view epoch;                      // The User Property of that name: which run of a device speaks.
  std::optional<std::chrono::seconds> expiry;  // Left of its Message Expiry Interval.
  bool retained = false;  // As it was published, whether it comes from the broker's store or just now.
};

// A message to the broker. Views are read before publish() returns.
struct OutgoingMessage {
  std::string_view topic;
  std::string_view payload;
  int qos = 0;
  bool retain = false;
  std::string_view content_type = "application/json";
  std::string_view response_topic{};
  std::string_view correlation{};
  std::string_view epoch{};
  std::optional<std::chrono::seconds> expiry{};
};

// Which messages IncomingMessage::retained marks.
enum class RetainedFlag {
  kAsPublished,  // All that their senders wanted kept, those of now too: who takes commands wants to know.
  kKept,         // What the broker had kept from before the subscription: the others are news.
};

// Called on the session's thread, never two at once. Must not call stop() or destroy the session. What it throws goes
// no further: the message is lost to the listener; after on_connected() the connection is made anew.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_connected() = 0;     // After each CONNACK of success: subscribe here, publish the birth here.
  virtual void on_disconnected() = 0;  // After each on_connected, once.
  virtual void on_message(const IncomingMessage& message) = 0;
  // The loop turned once more: the acknowledgements of what on_message() saw in the turn before have left.
  virtual void on_turned() {}
  // The broker answered a subscription; `accepted` is false where it refused it (ACL).
  virtual void on_subscribed(bool /*accepted*/) {}
  // The broker acknowledged the QoS 1 message that publish() gave `token`; `accepted` is false where it refused it
  // (ACL, quota).
  virtual void on_acknowledged(int token, bool accepted) = 0;
};

struct Will {
  std::string topic;
  std::string payload;
  std::chrono::seconds delay{10};
  std::string epoch{};
};

struct Tls {
  std::string ca_file;
  std::string certificate_file;  // Empty: no client certificate.
  std::string key_file;
};

struct Options {
  std::string host = "localhost";
  int port = 1883;
  std::string client_id;
  std::string username;
  std::string password;  // Never printed.
  std::optional<Tls> tls;
  std::optional<Will> will;
  bool persistent = true;  // The broker keeps the session for `session_expiry`; else clean start and no expiry.
  std::chrono::seconds session_expiry{std::chrono::hours(24)};
  std::chrono::seconds keep_alive{30};
  std::uint16_t receive_maximum = 16;
  std::uint32_t maximum_packet = 256 * 1024;
  std::chrono::milliseconds first_backoff{1000};
  // With the keep-alive that finds a dead connection, within the 120 s in which a session is back after any cause.
  std::chrono::milliseconds longest_backoff{60000};
};

// What status, telemetry and the watchdog show.
struct Status {
  bool connected = false;
  std::uint64_t connections = 0;  // CONNACKs of success.
  std::uint64_t attempts = 0;
  std::string last_failure;     // Empty while connected.
  int refusal = 0;              // The reason code of the last CONNACK that refused, 0 after one of success.
  Clock::time_point last_tick;  // The loop turned: older than a few seconds means that it hangs.
};

class Session {
 public:
  // `listener` must outlive the session. Errors: kUsage (options that libmosquitto refuses), kExhausted.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(Options options, Listener& listener);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Disconnects (the broker sends no will) and ends the thread. `with_will`: reason 0x04, so that it does.
  void stop(bool with_will = false);

  // Hands a message to the network thread. Returns its token (> 0). Thread-safe. Nothing is queued while disconnected.
  // Allocates nothing beside what libmosquitto takes for its copy, unless topic or properties have 512 bytes or more.
  // Errors: kBusy (not connected), kUsage (topic or size that the broker does not take), kExhausted.
  [[nodiscard]] Result<int> publish(const OutgoingMessage& message);

  // Thread-safe. `no_local` must be false for shared filters. Errors: kBusy (not connected), kUsage.
  [[nodiscard]] Result<void> subscribe(const std::string& filter, int qos, bool no_local,
                                       RetainedFlag flag = RetainedFlag::kAsPublished);
  [[nodiscard]] Result<void> unsubscribe(const std::string& filter);

  // Replaces the will for connections from now on (its payload carries the epoch).
  void set_will(Will will);

  [[nodiscard]] Status status() const;

 private:
  struct Callbacks;
  struct Destroy {
    void operator()(mosquitto* client) const;
  };

  Session(Options options, Listener& listener, mosquitto* client);
  Result<void> configure();
  Result<void> apply_will();
  void run();
  void attempt();
  void on_connack(int reason);
  [[nodiscard]] std::uint64_t connections() const;
  int connect_once();
  [[nodiscard]] bool resolve();
  bool start_connecting();
  void turn_loop();
  void leave();
  void note_failure(std::string text);
  // False when stop() was called meanwhile.
  bool wait_before_retry(int failures);

  Options options_;
  Listener& listener_;
  std::unique_ptr<mosquitto, Destroy> client_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  bool will_changed_ = true;
  Status status_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> missed_{false};      // on_connected() threw.
  std::atomic<bool> connecting_{false};  // Inside the library's call, which may block.
  std::atomic<Clock::rep> last_tick_{0};
  std::minstd_rand jitter_;
  Resolver resolver_;
};

// libmosquitto's global set-up; one lives in main while sessions exist. Takes SIGUSR1, which ends a connect(2) that
// blocks.
class Library {
 public:
  Library();
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

}  // namespace linnet::mqtt
