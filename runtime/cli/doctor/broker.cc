// Whether the configured broker answers: a TCP connection, nothing more; names and passwords are linnetd's affair.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <toml++/toml.h>

#include "runtime/base/clock.h"
#include "runtime/cli/doctor/report.h"

namespace linnet::cli::doctor {
namespace {

constexpr int kPatienceMilliseconds = 2000;

struct Address {
  std::string host;
  std::int64_t port = 0;
};

// As linnetd reads them: [mqtt] host and port, 8883 with TLS.
Result<Address> read_address(const std::string& path) {
  try {
    const toml::table config = toml::parse_file(path);
    const auto mqtt = config["mqtt"];
    const bool tls = mqtt["tls"].is_table();
    return Address{mqtt["host"].value_or(std::string("localhost")),
                   mqtt["port"].value_or(std::int64_t{tls ? 8883 : 1883})};
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::kUsage,
                path + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
}

class Socket {
 public:
  explicit Socket(const addrinfo& place)
      : descriptor_(socket(place.ai_family, place.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, place.ai_protocol)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  // Empty where somebody answered, else why not.
  [[nodiscard]] std::string connect_to(const addrinfo& place) const {
    if (descriptor_ < 0) return std::strerror(errno);
    if (connect(descriptor_, place.ai_addr, place.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return std::strerror(errno);
    pollfd waiting{descriptor_, POLLOUT, 0};
    if (poll(&waiting, 1, kPatienceMilliseconds) <= 0) return "no answer within 2 s";
    int fault = 0;
    socklen_t size = sizeof fault;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &fault, &size);
    return fault == 0 ? "" : std::strerror(fault);
  }

 private:
  int descriptor_;
};

std::string answered_after(double milliseconds) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "answered after %.1f ms", milliseconds);
  return text.data();
}

}  // namespace

Result<std::optional<BrokerReport>> look_for_broker(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  LINNET_TRY(const Address address, read_address(path));
  const std::string port = std::to_string(address.port);
  BrokerReport report{.address = address.host + ":" + port, .reachable = false, .detail = {}};
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int status = getaddrinfo(address.host.c_str(), port.c_str(), &wanted, &first);
  if (status != 0) {
    report.detail = gai_strerror(status);
    return report;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> places(first, freeaddrinfo);
  for (const addrinfo* place = first; place != nullptr && !report.reachable; place = place->ai_next) {
    const auto started = Clock::now();
    report.detail = Socket(*place).connect_to(*place);
    report.reachable = report.detail.empty();
    if (report.reachable) report.detail = answered_after(milliseconds_between(started, Clock::now()));
  }
  return report;
}

}  // namespace linnet::cli::doctor
