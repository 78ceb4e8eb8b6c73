#include "tests/mqtt/brokers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace linnet::mqtt {
namespace {

constexpr std::array kPlaces = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"};

std::string mosquitto_path() {
  for (const char* place : kPlaces) {
    if (std::filesystem::exists(place)) return place;
  }
  return {};
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int bound_socket(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = loopback(port);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::perror("bind");
  return descriptor;
}

int port_of(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool takes_connections(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(descriptor);
  return connected;
}

// Reads one MQTT packet with a length of one or two bytes.
void read_packet(int socket) {
  std::array<unsigned char, 2> header{};
  if (recv(socket, header.data(), header.size(), MSG_WAITALL) != 2) return;
  std::size_t length = header[1] & 0x7F;
  unsigned char more = 0;
  if ((header[1] & 0x80) != 0 && recv(socket, &more, 1, MSG_WAITALL) == 1) length += std::size_t{more} << 7;
  std::vector<unsigned char> body(length);
  if (length > 0) (void)!recv(socket, body.data(), length, MSG_WAITALL);
}

}  // namespace

int free_port() {
  const int descriptor = bound_socket(0);
  const int port = port_of(descriptor);
  close(descriptor);
  return port;
}

Mosquitto::Mosquitto(int port, std::string configuration) : port_(port), configuration_(std::move(configuration)) {
  start();
}

Mosquitto::~Mosquitto() { kill(); }

bool Mosquitto::installed() { return !mosquitto_path().empty(); }

void Mosquitto::start() {
  char folder[] = "/tmp/linnet-broker-XXXXXX";
  const std::string file = std::string(mkdtemp(folder)) + "/mosquitto.conf";
  std::ofstream(file) << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\n" << configuration_ << "\n";
  const std::string path = mosquitto_path();
  process_ = fork();
  if (process_ == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execl(path.c_str(), path.c_str(), "-c", file.c_str(), nullptr);
    _exit(127);
  }
  (void)eventually([this] { return takes_connections(port_); });
  std::filesystem::remove_all(folder);
}

void Mosquitto::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

ScriptedBroker::ScriptedBroker(Script script) : script_(std::move(script)), listener_(bound_socket(0)) {
  port_ = port_of(listener_);
  listen(listener_, 8);
  thread_ = std::thread([this] { run(); });
}

ScriptedBroker::~ScriptedBroker() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void ScriptedBroker::run() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const timeval patience{2, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    read_packet(client);
    script_(client, ++connections_);
    close(client);
  }
}

void send_bytes(int socket, std::span<const unsigned char> bytes) {
  (void)!send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::vector<unsigned char> connack(unsigned char reason) { return {0x20, 3, 0, reason, 0}; }

bool eventually(const std::function<bool()>& condition, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace linnet::mqtt
