// The service's front: what becomes of a message from the broker.

#include <algorithm>
#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/energy_budget.h"
#include "runtime/daemon/fail_point.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/pacer.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {
namespace {

constexpr std::size_t kMostCorrelation = 64;
constexpr std::chrono::minutes kBudgetTime{15};
constexpr std::chrono::milliseconds kCoolingTime{30'000};  // After which to ask a device again that is too hot.

// Why the board takes no more work of that priority now.
std::optional<Refusal> refusal_of(const Pacer& pacer, Priority priority) {
  if (!pacer.pace().admit) return Refusal{{ReasonCode::kServerBusy, "the device is too hot"}, kCoolingTime};
  if (!budget_sheds(pacer.budget_used().value_or(0), priority)) return std::nullopt;
  return Refusal{{ReasonCode::kQuotaExceeded, "the energy of the day is kept for more urgent work"}, kBudgetTime};
}

// Whether a request is read-only: answered at once and not kept.
bool is_inspection(const Request& request) {
  switch (request.operation) {
    case OperationKind::kStatus:
    case OperationKind::kModels:
    case OperationKind::kAudit:
    case OperationKind::kRebirth: return true;
    case OperationKind::kGpio: return !std::get<GpioArguments>(request.arguments).active.has_value();
    default: return false;
  }
}

// The name of the model that is to compute; empty where the request leaves it to the device.
std::optional<std::string_view> model_of(const Request& request) {
  if (const auto* infer = std::get_if<InferArguments>(&request.arguments)) return infer->model;
  if (const auto* embed = std::get_if<EmbedArguments>(&request.arguments)) return embed->model;
  return std::nullopt;
}

}  // namespace

void Service::receive(const IncomingMessage& message) {
  try {
    take_in(message);
  } catch (...) {
    refuse_thrown(message);
  }
}

// Nothing was kept. Where not even that can be said, the client hears nothing and asks again.
void Service::refuse_thrown(const IncomingMessage& message) {
  const Caught what = caught();
  log(LogLevel::kError, what.words());
  try {
    const auto topic = parse_request_topic(options_.address, message.topic);
    if (!topic) return;
    const std::string id = request_id_of(message.payload, options_.request);
    reject(origin_of(*topic, message, id), id, {ReasonCode::kImplementationError, std::string(what.words())},
           std::chrono::seconds(10));
  } catch (...) {
    log(LogLevel::kError, "a request was dropped: no memory");
  }
}

void Service::take_in(const IncomingMessage& message) {
  // A retained command would be carried out again at each start.
  const auto topic = parse_request_topic(options_.address, message.topic);
  if (!topic || message.retained) return;
  ++counters_.received;
  const auto operation = parse_operation(topic->operation);
  const auto refuse = [&](const Rejection& why) {
    const std::string id = request_id_of(message.payload, options_.request);
    if (why.code == ReasonCode::kNotAuthorized) {
      audit(AuditKind::kRefusal, topic->who, topic->operation, id, "refused: " + why.reason);
    }
    reject(origin_of(*topic, message, id), id, why);
  };
  if (!operation) return refuse({ReasonCode::kImplementationError, "unknown operation"});
  Origin origin{topic->who, "", message.correlation, topic->pool_model};
  if (const auto denied = deny(origin, *operation)) return refuse(*denied);
  auto request = parse_request(*operation, message.payload, options_.request);
  if (!request) return refuse(request.error());
  origin.reply_topic = default_reply_topic(options_.address, topic->who, request->id);
  if (const auto refused = refuse_place(origin, *request, message)) return reject(origin, request->id, *refused);
  handle(origin, *std::move(request), message);
}

// For a refusal: it goes where the client listens, or where it looks with that id.
Service::Origin Service::origin_of(const RequestTopic& topic, const IncomingMessage& message,
                                   std::string_view id) const {
  Origin origin{topic.who, "", message.correlation, topic.pool_model};
  origin.reply_topic = default_reply_topic(options_.address, topic.who, id.empty() ? "none" : id);
  if (may_reply_to(options_.address, topic.who, message.response_topic, options_.reply_prefix)) {
    origin.reply_topic = message.response_topic;
  }
  return origin;
}

// Where the answers go, or why they may not.
std::optional<Rejection> Service::refuse_place(Origin& origin, const Request& request,
                                               const IncomingMessage& message) const {
  const std::string_view asked = message.response_topic.empty() ? request.reply_topic : message.response_topic;
  if (!asked.empty() && !may_reply_to(options_.address, origin.who, asked, options_.reply_prefix)) {
    return Rejection{ReasonCode::kNotAuthorized, "the response topic is not below rsp/{who}/"};
  }
  if (!asked.empty()) origin.reply_topic = asked;
  if (message.correlation.size() > kMostCorrelation) {
    return Rejection{ReasonCode::kTooLarge, "the correlation data is larger than 64 bytes"};
  }
  return std::nullopt;
}

std::optional<Rejection> Service::deny(const Origin& origin, OperationKind operation) const {
  const std::lock_guard lock(mutex_);
  if (!options_.roles.allows(origin.who, operation)) {
    return Rejection{ReasonCode::kNotAuthorized, "the role of this client does not allow it"};
  }
  if (!origin.pool_model.empty() && operation != OperationKind::kInfer) {
    return Rejection{ReasonCode::kNotAuthorized, "only infer is taken from a pool"};
  }
  return std::nullopt;
}

void Service::handle(const Origin& origin, Request request, const IncomingMessage& message) {
  if (request.operation == OperationKind::kCancel) return handle_cancel(origin, request);
  if (request.operation == OperationKind::kReplay) return handle_replay(origin, request);
  if (is_inspection(request)) return handle_inspection(origin, request);
  handle_work(origin, std::move(request), message);
}

JournalEntry Service::entry_of(const Origin& origin, const Request& request, const IncomingMessage& message) const {
  JournalEntry entry;
  entry.key = {std::string(origin.who), request.id};
  entry.operation = to_string(request.operation);
  entry.body = message.payload;
  entry.reply_topic = origin.reply_topic;
  entry.correlation = origin.correlation;
  entry.priority = static_cast<int>(request.priority);
  entry.durable = request.durable;
  entry.pool_model = origin.pool_model;
  entry.boot_id = options_.boot_id;
  entry.deadline = deadline_of(request, message);
  return entry;
}

// The sooner of the message's expiry and the payload's deadline, from now.
std::optional<Deadline> Service::deadline_of(const Request& request, const IncomingMessage& message) const {
  std::optional<std::chrono::milliseconds> left = request.deadline;
  if (message.expiry && (!left || *message.expiry < *left)) left = *message.expiry;
  if (!left) return std::nullopt;
  Deadline deadline{clock_.boot_time() + *left, std::nullopt};
  if (const auto wall = clock_.trusted_wall()) {
    deadline.wall_time = *wall + std::chrono::duration_cast<std::chrono::seconds>(*left);
  }
  return deadline;
}

// The journal's mutex is held from the look for an earlier request with this key to the place in the queue, so that the
// same request from both sessions is one.
void Service::handle_work(const Origin& origin, Request request, const IncomingMessage& message) {
  const std::lock_guard journal(journal_mutex_);
  const RequestKey key{std::string(origin.who), request.id};
  const auto known = journal_.find(key);
  if (known && *known) return handle_known(origin, request, **known);
  if (const auto admitted = admit(origin, request); !admitted) {
    return reject(origin, request.id, admitted.error().rejection, admitted.error().retry_after);
  }
  const JournalEntry entry = entry_of(origin, request, message);
  if (!keep_request(origin, entry)) return;
  try {
    tell_accepted(origin, entry);
    take_over(std::move(request), entry);
  } catch (...) {
    // It is on the disk, so it shall have its outcome.
    lost_track_ = true;
    log(LogLevel::kError, caught().words());
  }
}

// Puts a request that was kept into the queue.
void Service::take_over(Request request, const JournalEntry& entry) {
  if (entry.deadline) {
    const auto left = entry.deadline->boot_time - clock_.boot_time();
    request.deadline = std::chrono::duration_cast<std::chrono::milliseconds>(left);
  }
  std::size_t most_tokens = 0;
  if (const auto* infer = std::get_if<InferArguments>(&request.arguments)) {
    most_tokens = infer->max_tokens.value_or(options_.default_max_tokens);
  }
  enqueue(std::make_shared<Active>(std::move(request), entry, most_tokens, clock_.now()));
}

tl::expected<void, Refusal> Service::admit(const Origin& origin, const Request& request) {
  const auto refuse = [](ReasonCode code, const char* reason) {
    return tl::unexpected(Refusal{{code, reason}, std::chrono::milliseconds(0)});
  };
  if (request.durable && !options_.keeps_durable) {
    return refuse(ReasonCode::kImplementationError, "nothing can be kept: no journal on the disk");
  }
  const std::optional<std::string_view> model = model_of(request);
  if (model && !backend_.serves(model->empty() ? origin.pool_model : *model)) {
    return refuse(ReasonCode::kPayloadInvalid, "no model of that name is configured");
  }
  if (model && options_.pacer != nullptr) {
    if (auto refusal = refusal_of(*options_.pacer, request.priority)) return tl::unexpected(*std::move(refusal));
  }
  const std::lock_guard lock(mutex_);
  if (stopping_) return refuse(ReasonCode::kServerBusy, "the device stops");
  // What the broker had sent on its way before the device left the pool: other members have more room.
  if (!origin.pool_model.empty() && queue_.over_high_water()) {
    return tl::unexpected(Refusal{{ReasonCode::kServerBusy, "the device has left the pool for now"},
                                  std::max(queue_.expected_wait(1), std::chrono::milliseconds(1))});
  }
  return queue_.admit(std::string(origin.who), clock_.now());
}

// Rejects the request and gives false where it cannot be kept.
bool Service::keep_request(const Origin& origin, const JournalEntry& entry) {
  fail_point(FailPoint::kReceived);
  const auto accepted = journal_.accept(entry);
  if (!accepted) {
    unsound_ = accepted.error().kind != ErrorKind::kBusy;
    const auto code = unsound_ ? ReasonCode::kImplementationError : ReasonCode::kServerBusy;
    reject(origin, entry.key.id, {code, "the request cannot be kept: " + accepted.error().message},
           std::chrono::seconds(10));
    return false;
  }
  unsound_ = false;
  ++counters_.accepted;
  fail_point(FailPoint::kAccepted);
  return true;
}

void Service::tell_accepted(const Origin& origin, const JournalEntry& entry) {
  std::string message;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t before = queue_.before(static_cast<Priority>(entry.priority));
    write_accepted(message, entry.key.id, before, queue_.expected_wait(before));
  }
  reply(origin.reply_topic, origin.correlation, message);
  fail_point(FailPoint::kAcceptedSent);
}

void Service::handle_known(const Origin& origin, const Request& request, const Acceptance& acceptance) {
  ++counters_.duplicates;
  std::string message;
  if (acceptance.outcome) {
    const auto outcome =
        acceptance.outcome->readable ? acceptance.outcome : kept_outcome({std::string(origin.who), request.id});
    if (outcome) return reply(origin.reply_topic, origin.correlation, outcome->payload);
    return reject(origin, request.id, {ReasonCode::kImplementationError, "its outcome cannot be read now"},
                  std::chrono::seconds(10));
  }
  write_accepted(message, request.id, 0, std::chrono::milliseconds(0));
  reply(origin.reply_topic, origin.correlation, message);
}

void Service::handle_inspection(const Origin& origin, const Request& request) {
  const auto result = operations_.inspect(origin.who, request);
  if (!result) return reject(origin, request.id, {ReasonCode::kImplementationError, result.error().message});
  std::string message;
  write_result(message, request.id, *result);
  reply(origin.reply_topic, origin.correlation, message);
}

void Service::handle_cancel(const Origin& origin, const Request& request) {
  // The key holds the canceller's own identity: nobody cancels another's request.
  const RequestKey key{std::string(origin.who), std::get<CancelArguments>(request.arguments).target};
  const char* state = "unknown";
  bool waited = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = active_.find(key); found != active_.end()) {
      state = "cancelling";
      found->second->cancelled = true;
      waited = queue_.remove(key);
    }
  }
  if (waited) {
    end(key, OutcomeKind::kCancelled, "cancelled", "cancelled before it started");
  } else if (std::string_view(state) == "unknown") {
    const std::lock_guard journal(journal_mutex_);
    const auto known = journal_.find(key);
    if (known && *known) state = "finished";
  }
  std::string message;
  write_result(message, request.id, "\"" + std::string(state) + "\"");
  reply(origin.reply_topic, origin.correlation, message);
}

void Service::handle_replay(const Origin& origin, const Request& request) {
  const auto& arguments = std::get<ReplayArguments>(request.arguments);
  const RequestKey key{std::string(origin.who), arguments.target};
  // It brings a whole answer for a line: a client's rate holds for it as for work.
  const auto admitted = [&] {
    const std::lock_guard lock(mutex_);
    return queue_.admit_now(key.who, clock_.now());
  }();
  if (!admitted) return reject(origin, request.id, admitted.error().rejection, admitted.error().retry_after);
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Active> active;
    if (const auto found = active_.find(key); found != active_.end()) active = found->second;
    for (const auto& answer : answered_) {
      if (answer->key == key) active = answer;
    }
    known = active != nullptr;
    for (auto sequence = arguments.from_sequence; known && sequence < active->stream.chunks(); ++sequence) {
      send_chunk(*active, sequence);
    }
  }
  const std::lock_guard journal(journal_mutex_);
  const auto outcome = kept_outcome(key);
  if (outcome) return reply(origin.reply_topic, origin.correlation, outcome->payload);
  if (!known) reject(origin, request.id, {ReasonCode::kUnspecified, "no such request, or its outcome was forgotten"});
}

void Service::reject(const Origin& origin, std::string_view id, const Rejection& rejection,
                     std::chrono::milliseconds retry_after) {
  ++counters_.rejected;
  std::string message;
  write_rejected(message, id, rejection, retry_after, queue_depth());
  reply(origin.reply_topic, origin.correlation, message);
}

void Service::audit(AuditKind kind, std::string_view who, std::string_view operation, std::string_view id,
                    std::string_view what) {
  std::string text = "{\"at\":" + std::to_string(clock_.wall().count()) + ",\"who\":";
  append_json_string(text, who);
  append_json_string(text.append(",\"op\":"), operation);
  if (!id.empty()) append_json_string(text.append(",\"id\":"), id);
  append_json_string(text.append(",\"result\":"), what);
  text.push_back('}');
  log(LogLevel::kNotice, "audit " + text);
  if (options_.audit != nullptr) options_.audit->add(kind, text);
  // Not through the outbox: whoever floods the device with refusals shall not fill it.
  reply(device_topic(options_.address, "event/audit"), "", text);
}

}  // namespace linnet::daemon
