#include "runtime/mqtt/session.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "runtime/mqtt/properties.h"
#include "runtime/mqtt/topics.h"

namespace linnet::mqtt {
namespace {

constexpr int kLoopTimeoutMs = 200;                    // How long a quiet loop sleeps; publishing wakes it.
constexpr std::chrono::seconds kLongestResolving{30};  // Then the attempt has failed; the question stays open.

tl::unexpected<Error> failure(int code, const char* what) {
  const ErrorKind kind = code == MOSQ_ERR_NO_CONN || code == MOSQ_ERR_CONN_LOST ? ErrorKind::kBusy
                         : code == MOSQ_ERR_NOMEM                               ? ErrorKind::kExhausted
                         : code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8 || code == MOSQ_ERR_PAYLOAD_SIZE ||
                                 code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_QOS_NOT_SUPPORTED
                             ? ErrorKind::kUsage
                             : ErrorKind::kIo;
  return fail(kind, std::string("MQTT ") + what + ": " + mosquitto_strerror(code));
}

}  // namespace

// libmosquitto's callbacks, as functions of the session.
struct Session::Callbacks {
  static Session& session(void* object) { return *static_cast<Session*>(object); }

  // An exception must not travel through libmosquitto, which holds its locks here. A listener that throws has missed
  // something: what it missed on_connected() makes up for, so the connection is made anew where that is what threw.
  template <class F>
  static bool guarded(F call) noexcept {
    try {
      call();
      return true;
    } catch (...) {
      return false;
    }
  }

  static void connected(mosquitto*, void* object, int reason, int, const mosquitto_property*) {
    Session& self = session(object);
    if (!guarded([&] { self.on_connack(reason); })) self.missed_ = true;
  }

  static void disconnected(mosquitto*, void* object, int reason, const mosquitto_property*) {
    Session& self = session(object);
    guarded([&] {
      // The library gives its own error codes here, the broker's reasons begin at 0x80. A refusal was noted already.
      if (reason != 0 && self.connected_) {
        self.note_failure(std::string("the connection ended: ") +
                          (reason < 0x80 ? mosquitto_strerror(reason) : mosquitto_reason_string(reason)));
      }
    });
    guarded([&] { self.leave(); });
  }

  static void message(mosquitto*, void* object, const mosquitto_message* message, const mosquitto_property* list) {
    const ReceivedProperties received(list);
    IncomingMessage incoming;
    incoming.topic = message->topic;
    incoming.payload = {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)};
    if (received.topic) incoming.response_topic = received.topic.get();
    if (received.correlation) incoming.correlation = {received.correlation.get(), received.size};
    if (received.epoch) incoming.epoch = received.epoch.get();
    incoming.expiry = received.expiry;
    incoming.retained = message->retain;
    guarded([&] { session(object).listener_.on_message(incoming); });
  }

  static void subscribed(mosquitto*, void* object, int, int count, const int* granted, const mosquitto_property*) {
    // A SUBACK without codes must not be read (CVE-2024-10525): it accepts nothing.
    guarded([&] { session(object).listener_.on_subscribed(count > 0 && granted[0] < 0x80); });
  }

  static void published(mosquitto*, void* object, int token, int reason, const mosquitto_property*) {
    guarded([&] { session(object).listener_.on_acknowledged(token, reason < 0x80); });
  }
};

void Session::Destroy::operator()(mosquitto* client) const { mosquitto_destroy(client); }

Library::Library() {
  mosquitto_lib_init();
  struct sigaction action {};
  action.sa_handler = [](int) {};  // Without SA_RESTART: the call that it interrupts fails with EINTR.
  sigaction(SIGUSR1, &action, nullptr);
}
Library::~Library() { mosquitto_lib_cleanup(); }

Session::Session(Options options, Listener& listener, mosquitto* client)
    : options_(std::move(options)),
      listener_(listener),
      client_(client),
      jitter_(std::random_device{}()),
      resolver_(options_.host) {}

Result<std::unique_ptr<Session>> Session::create(Options options, Listener& listener) {
  mosquitto* client = mosquitto_new(options.client_id.c_str(), !options.persistent, nullptr);
  if (client == nullptr)
    return fail(ErrorKind::kUsage, "MQTT: the client id '" + options.client_id + "' is not possible");
  std::unique_ptr<Session> session(new Session(std::move(options), listener, client));
  LINNET_CHECK(session->configure());
  return session;
}

Result<void> Session::configure() {
  mosquitto* client = client_.get();
  mosquitto_user_data_set(client, this);
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, options_.receive_maximum);
  mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_threaded_set(client, true);
  mosquitto_connect_v5_callback_set(client, Callbacks::connected);
  mosquitto_disconnect_v5_callback_set(client, Callbacks::disconnected);
  mosquitto_message_v5_callback_set(client, Callbacks::message);
  mosquitto_publish_v5_callback_set(client, Callbacks::published);
  mosquitto_subscribe_v5_callback_set(client, Callbacks::subscribed);
  if (!options_.username.empty()) {
    const char* password = options_.password.empty() ? nullptr : options_.password.c_str();
    const int code = mosquitto_username_pw_set(client, options_.username.c_str(), password);
    if (code != MOSQ_ERR_SUCCESS) return failure(code, "user name");
  }
  if (!options_.tls) return {};
  const auto or_null = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  const Tls& tls = *options_.tls;
  int code = mosquitto_tls_set(client, tls.ca_file.c_str(), nullptr, or_null(tls.certificate_file),
                               or_null(tls.key_file), nullptr);
  // Its default allows TLS 1.1 until 2.0.16.
  if (code == MOSQ_ERR_SUCCESS) code = mosquitto_tls_opts_set(client, 1, "tlsv1.2", nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "TLS files");
  return {};
}

Session::~Session() { stop(); }

void Session::start() {
  thread_ = std::thread([this] { run(); });
}

void Session::stop(bool with_will) {
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
  }
  stopped_.notify_all();
  const int reason = with_will ? MQTT_RC_DISCONNECT_WITH_WILL_MSG : MQTT_RC_NORMAL_DISCONNECTION;
  mosquitto_disconnect_v5(client_.get(), reason, nullptr);
  // The kernel tries a host that does not answer for two minutes. Signalled again: one may come just before the call.
  while (connecting_) {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  thread_.join();
}

void Session::on_connack(int reason) {
  {
    const std::lock_guard lock(mutex_);
    status_.refusal = reason;
  }
  if (reason != 0) return note_failure(std::string("the broker refused: ") + mosquitto_reason_string(reason));
  {
    const std::lock_guard lock(mutex_);
    status_.connected = true;
    status_.last_failure.clear();
    ++status_.connections;
  }
  connected_ = true;
  listener_.on_connected();
}

// One connection, from the attempt to its end. Memory that is short ends it, and it is tried again.
void Session::attempt() {
  try {
    if (connect_once() == MOSQ_ERR_SUCCESS) turn_loop();
    leave();
  } catch (...) {
    connected_ = false;
  }
}

void Session::run() {
  for (int failures = 0;;) {
    const auto before = connections();
    attempt();
    failures = connections() > before ? 0 : failures + 1;
    if (!wait_before_retry(failures)) return;
  }
}

int Session::connect_once() {
  {
    const std::lock_guard lock(mutex_);
    ++status_.attempts;
    if (will_changed_) {
      if (const auto applied = apply_will(); !applied) status_.last_failure = applied.error().message;
      will_changed_ = false;
    }
  }
  if (!resolve()) return MOSQ_ERR_EAI;
  Properties properties;
  const auto expiry = options_.persistent ? options_.session_expiry : std::chrono::seconds(0);
  properties.add(MQTT_PROP_SESSION_EXPIRY_INTERVAL, static_cast<std::uint32_t>(expiry.count()));
  properties.add16(MQTT_PROP_RECEIVE_MAXIMUM, options_.receive_maximum);
  properties.add(MQTT_PROP_MAXIMUM_PACKET_SIZE, options_.maximum_packet);
  if (!start_connecting()) return MOSQ_ERR_NO_CONN;
  const int code = mosquitto_connect_bind_v5(client_.get(), options_.host.c_str(), options_.port,
                                             static_cast<int>(options_.keep_alive.count()), nullptr, properties.list());
  connecting_ = false;
  // errno is stale where the library returns MOSQ_ERR_ERRNO, so it is not quoted.
  if (code != MOSQ_ERR_SUCCESS) {
    note_failure("cannot connect to " + options_.host + ":" + std::to_string(options_.port) +
                 (code == MOSQ_ERR_ERRNO ? "" : std::string(": ") + mosquitto_strerror(code)));
  }
  return code;
}

// The library resolves the name again, for it verifies certificates by it; but an answer that came a moment ago comes
// soon, and an unanswered question would hold up stop() for as long as the system asks: 30 s with two servers.
bool Session::resolve() {
  const auto go_on = [this] {
    last_tick_ = Clock::now().time_since_epoch().count();
    const std::lock_guard lock(mutex_);
    return !stopping_;
  };
  const auto found = resolver_.resolve(kLongestResolving, go_on);
  if (!found) note_failure("cannot connect to " + found.error().message);
  return found.has_value();
}

// False when stop() was called: it looks at `connecting_` after it has said so.
bool Session::start_connecting() {
  const std::lock_guard lock(mutex_);
  connecting_ = !stopping_;
  return connecting_;
}

Result<void> Session::apply_will() {
  if (!options_.will) return {};
  const Will& will = *options_.will;
  Properties properties;
  properties.add(MQTT_PROP_WILL_DELAY_INTERVAL, static_cast<std::uint32_t>(will.delay.count()));
  if (!will.epoch.empty()) properties.add_epoch(will.epoch);
  mosquitto_will_clear(client_.get());
  const int code = mosquitto_will_set_v5(client_.get(), will.topic.c_str(), static_cast<int>(will.payload.size()),
                                         will.payload.data(), 1, true, properties.list());
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "will");
  properties.release();
  return {};
}

void Session::turn_loop() {
  while (true) {
    const int code = mosquitto_loop(client_.get(), kLoopTimeoutMs, 1);
    last_tick_ = Clock::now().time_since_epoch().count();
    listener_.on_turned();
    if (missed_.exchange(false)) mosquitto_disconnect_v5(client_.get(), MQTT_RC_DISCONNECT_WITH_WILL_MSG, nullptr);
    if (code != MOSQ_ERR_SUCCESS) {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && status_.last_failure.empty()) status_.last_failure = mosquitto_strerror(code);
      return;
    }
    const std::lock_guard lock(mutex_);
    if (stopping_ && !connected_) return;
  }
}

void Session::leave() {
  {
    const std::lock_guard lock(mutex_);
    status_.connected = false;
  }
  if (connected_.exchange(false)) listener_.on_disconnected();
}

void Session::note_failure(std::string text) {
  const std::lock_guard lock(mutex_);
  status_.last_failure = std::move(text);
}

bool Session::wait_before_retry(int failures) {
  const auto ceiling = std::min(options_.longest_backoff, options_.first_backoff * (1 << std::min(failures, 16)));
  std::unique_lock lock(mutex_);
  // Full jitter: a fleet that lost its broker together does not come back together.
  std::uniform_int_distribution<std::int64_t> spread(0, ceiling.count());
  const auto end = Clock::now() + std::chrono::milliseconds(spread(jitter_));
  while (!stopping_ && Clock::now() < end) {
    stopped_.wait_until(lock, std::min(end, Clock::now() + std::chrono::milliseconds(500)));
    last_tick_ = Clock::now().time_since_epoch().count();
  }
  return !stopping_;
}

Result<int> Session::publish(const OutgoingMessage& message) {
  // While disconnected libmosquitto would queue without bound and report an error as well: nothing is handed over then.
  if (!connected_) return fail(ErrorKind::kBusy, "MQTT publish: not connected");
  if (!can_be_published(message.topic)) return fail(ErrorKind::kUsage, "MQTT publish: no broker takes such a topic");
  Properties properties;
  properties.add_byte(MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1);
  if (!message.content_type.empty()) properties.add_text(MQTT_PROP_CONTENT_TYPE, message.content_type);
  if (!message.response_topic.empty()) properties.add_text(MQTT_PROP_RESPONSE_TOPIC, message.response_topic);
  if (!message.epoch.empty()) properties.add_epoch(message.epoch);
  if (!message.correlation.empty()) properties.add_binary(MQTT_PROP_CORRELATION_DATA, message.correlation);
  if (message.expiry) {
    properties.add(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, static_cast<std::uint32_t>(message.expiry->count()));
  }
  int token = 0;
  const Terminated topic(message.topic);
  const int code = mosquitto_publish_v5(client_.get(), &token, topic.c_str(), static_cast<int>(message.payload.size()),
                                        message.payload.data(), message.qos, message.retain, properties.list());
  if (code != MOSQ_ERR_SUCCESS && code != MOSQ_ERR_NO_CONN) return failure(code, "publish");
  // NO_CONN after the check above: the message is in the library's queue and will be sent, which is what was asked.
  return token;
}

Result<void> Session::subscribe(const std::string& filter, int qos, bool no_local, RetainedFlag flag) {
  if (!connected_) return fail(ErrorKind::kBusy, "MQTT subscribe: not connected");
  const int options = (flag == RetainedFlag::kAsPublished ? MQTT_SUB_OPT_RETAIN_AS_PUBLISHED : 0) |
                      (no_local ? MQTT_SUB_OPT_NO_LOCAL : 0);
  const int code = mosquitto_subscribe_v5(client_.get(), nullptr, filter.c_str(), qos, options, nullptr);
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "subscribe");
  return {};
}

Result<void> Session::unsubscribe(const std::string& filter) {
  if (!connected_) return fail(ErrorKind::kBusy, "MQTT unsubscribe: not connected");
  const int code = mosquitto_unsubscribe(client_.get(), nullptr, filter.c_str());
  if (code != MOSQ_ERR_SUCCESS) return failure(code, "unsubscribe");
  return {};
}

void Session::set_will(Will will) {
  const std::lock_guard lock(mutex_);
  options_.will = std::move(will);
  will_changed_ = true;
}

std::uint64_t Session::connections() const {
  const std::lock_guard lock(mutex_);
  return status_.connections;
}

Status Session::status() const {
  const std::lock_guard lock(mutex_);
  Status copy = status_;
  copy.last_tick = Clock::time_point(Clock::duration(last_tick_.load()));
  return copy;
}

}  // namespace linnet::mqtt
