// The service's front: what becomes of a message from the broker.

#include <utility>

#include "runtime/daemon/active.h"
#include "runtime/daemon/service.h"

namespace linnet::daemon {
namespace {

constexpr std::size_t kMostCorrelation = 64;

// Whether a request is read-only: answered at once and not kept.
bool is_inspection(const Request& request) {
  switch (request.operation) {
    case OperationKind::kStatus:
    case OperationKind::kModels:
    case OperationKind::kRebirth: return true;
    case OperationKind::kGpio: return !std::get<GpioArguments>(request.arguments).active.has_value();
    default: return false;
  }
}

}  // namespace

void Service::receive(const IncomingMessage& message) {
  // A retained command would be carried out again at each start.
  const auto topic = parse_request_topic(options_.address, message.topic);
  if (!topic || message.retained) return;
  ++counters_.received;
  const std::lock_guard lock(mutex_);
  Origin origin{topic->who, "", message.correlation, !topic->pool_model.empty()};
  origin.reply_topic = default_reply_topic(options_.address, topic->who, "none");
  // A refusal of what cannot be read goes where the client listens, not where it would only look with an id.
  if (may_reply_to(options_.address, topic->who, message.response_topic, options_.reply_prefix)) {
    origin.reply_topic = message.response_topic;
  }
  const auto operation = parse_operation(topic->operation);
  if (!operation) return reject(origin, "", {ReasonCode::kImplementationError, "unknown operation"});
  if (const auto denied = deny(origin, *operation)) return reject(origin, "", *denied);
  auto request = parse_request(*operation, message.payload, options_.request);
  if (!request) return reject(origin, "", request.error());
  origin.reply_topic = default_reply_topic(options_.address, topic->who, request->id);
  const std::string_view asked = message.response_topic.empty() ? request->reply_topic : message.response_topic;
  if (!asked.empty() && !may_reply_to(options_.address, topic->who, asked, options_.reply_prefix)) {
    return reject(origin, request->id, {ReasonCode::kNotAuthorized, "the response topic is not below rsp/{who}/"});
  }
  if (!asked.empty()) origin.reply_topic = asked;
  if (message.correlation.size() > kMostCorrelation) {
    return reject(origin, request->id, {ReasonCode::kTooLarge, "the correlation data is larger than 64 bytes"});
  }
  handle(origin, *std::move(request), message);
}

std::optional<Rejection> Service::deny(const Origin& origin, OperationKind operation) const {
  if (!options_.roles.allows(origin.who, operation)) {
    return Rejection{ReasonCode::kNotAuthorized, "the role of this client does not allow it"};
  }
  if (origin.from_pool && operation != OperationKind::kInfer) {
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

void Service::handle_work(const Origin& origin, Request request, const IncomingMessage& message) {
  const RequestKey key{std::string(origin.who), request.id};
  const auto known = journal_.find(key);
  if (known && *known) return handle_known(origin, request, **known);
  if (request.durable && !options_.keeps_durable) {
    return reject(origin, request.id,
                  {ReasonCode::kImplementationError, "nothing can be kept: no journal on the disk"});
  }
  if (stopping_) return reject(origin, request.id, {ReasonCode::kServerBusy, "the device stops"});
  if (const auto admitted = queue_.admit(key.who, clock_.now()); !admitted) {
    return reject(origin, request.id, admitted.error().rejection, admitted.error().retry_after);
  }
  const JournalEntry entry = entry_of(origin, request, message);
  const auto accepted = journal_.accept(entry);
  if (!accepted) {
    last_fault_ = accepted.error();
    unsound_ = accepted.error().kind != ErrorKind::kBusy;
    const auto code = unsound_ ? ReasonCode::kImplementationError : ReasonCode::kServerBusy;
    return reject(origin, request.id, {code, "the request cannot be kept: " + accepted.error().message},
                  std::chrono::seconds(10));
  }
  unsound_ = false;
  ++counters_.accepted;
  const auto now = clock_.now();
  if (entry.deadline) {
    const auto left = entry.deadline->boot_time - clock_.boot_time();
    request.deadline = std::chrono::duration_cast<std::chrono::milliseconds>(left);
  }
  std::size_t most_tokens = 0;
  if (const auto* infer = std::get_if<InferArguments>(&request.arguments)) {
    most_tokens = infer->max_tokens.value_or(options_.default_max_tokens);
  }
  const std::size_t before = queue_.size();
  write_accepted(message_, request.id, before, queue_.expected_wait(before));
  reply(origin.reply_topic, origin.correlation, message_);
  auto active = std::make_shared<Active>(std::move(request), entry, most_tokens, now);
  active->from_pool = origin.from_pool;
  enqueue(std::move(active));
}

void Service::handle_known(const Origin& origin, const Request& request, const Acceptance& acceptance) {
  ++counters_.duplicates;
  if (acceptance.outcome) return reply(origin.reply_topic, origin.correlation, acceptance.outcome->payload);
  write_accepted(message_, request.id, 0, std::chrono::milliseconds(0));
  reply(origin.reply_topic, origin.correlation, message_);
}

void Service::handle_inspection(const Origin& origin, const Request& request) {
  const auto result = operations_.inspect(origin.who, request);
  if (!result) return reject(origin, request.id, {ReasonCode::kImplementationError, result.error().message});
  write_result(message_, request.id, *result);
  reply(origin.reply_topic, origin.correlation, message_);
}

void Service::handle_cancel(const Origin& origin, const Request& request) {
  // The key holds the canceller's own identity: nobody cancels another's request.
  const RequestKey key{std::string(origin.who), std::get<CancelArguments>(request.arguments).target};
  const auto found = active_.find(key);
  const char* state = "unknown";
  if (found != active_.end()) {
    state = "cancelling";
    found->second->cancelled = true;
    if (queue_.remove(key)) end(key, OutcomeKind::kCancelled, "cancelled", "cancelled before it started");
  } else if (const auto known = journal_.find(key); known && *known) {
    state = "finished";
  }
  write_result(message_, request.id, "\"" + std::string(state) + "\"");
  reply(origin.reply_topic, origin.correlation, message_);
}

void Service::handle_replay(const Origin& origin, const Request& request) {
  const auto& arguments = std::get<ReplayArguments>(request.arguments);
  const RequestKey key{std::string(origin.who), arguments.target};
  std::shared_ptr<Active> active;
  if (const auto found = active_.find(key); found != active_.end()) active = found->second;
  for (const auto& answer : answered_) {
    if (answer->key == key) active = answer;
  }
  if (active) {
    for (auto sequence = arguments.from_sequence; sequence < active->stream.chunks(); ++sequence) {
      send_chunk(*active, sequence);
    }
  }
  const auto outcome = journal_.outcome(key);
  if (outcome && *outcome) return reply(origin.reply_topic, origin.correlation, (*outcome)->payload);
  if (!active) reject(origin, request.id, {ReasonCode::kUnspecified, "no such request, or its outcome was forgotten"});
}

void Service::reject(const Origin& origin, std::string_view id, const Rejection& rejection,
                     std::chrono::milliseconds retry_after) {
  ++counters_.rejected;
  write_rejected(message_, id, rejection, retry_after, queue_.size());
  reply(origin.reply_topic, origin.correlation, message_);
}

}  // namespace linnet::daemon
