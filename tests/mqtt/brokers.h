// Brokers for tests: the real mosquitto in a child process, and a scripted one for what mosquitto cannot be made to do.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace linnet::mqtt {

// A TCP port of the loopback that was free a moment ago.
[[nodiscard]] int free_port();

// mosquitto on the loopback, with a configuration of the test's. Killed when destroyed.
class Mosquitto {
 public:
  // `configuration` is added to a listener on `port` that lets anonymous clients in.
  explicit Mosquitto(int port, std::string configuration = "");
  ~Mosquitto();
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  [[nodiscard]] static bool installed();
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] bool running() const { return process_ > 0; }
  void start();  // And waits until it takes connections.
  void kill();   // SIGKILL.

 private:
  int port_;
  std::string configuration_;
  pid_t process_ = -1;
};

// Accepts connections one after another on the loopback, reads one packet (CONNECT) of each and hands its socket to
// `script`.
class ScriptedBroker {
 public:
  using Script = std::function<void(int socket, int connection)>;
  explicit ScriptedBroker(Script script);
  ~ScriptedBroker();
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void run();

  Script script_;
  int port_ = 0;
  int listener_ = -1;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

void send_bytes(int socket, std::span<const unsigned char> bytes);

// MQTT 5 CONNACK with a reason code and no properties.
[[nodiscard]] std::vector<unsigned char> connack(unsigned char reason);

// Calls `condition` every few milliseconds until it holds or `seconds` passed; returns whether it held.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, double seconds = 10);

}  // namespace linnet::mqtt
