#include "runtime/cli/ctl/reply.h"

#include <sodium.h>

#include <array>

#include <nlohmann/json.hpp>

namespace linnet::cli::ctl {
namespace {

using Json = nlohmann::json;

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Numbers come from the network: what is no whole number from 0 is 0.
std::uint64_t number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

constexpr std::uint64_t kLongestRetryMs = 3600'000;

void read_end(const Json& object, Reply& reply) {
  reply.reason = text_at(object, "reason");
  reply.detail = text_at(object, "detail");
  reply.code = static_cast<int>(std::min<std::uint64_t>(number_at(object, "rc"), 255));
  reply.retry_after = std::chrono::milliseconds(std::min(number_at(object, "retry_after_ms"), kLongestRetryMs));
  reply.chunks = number_at(object, "n_chunks");
  reply.sha256 = text_at(object, "sha256");
  if (const auto found = object.find("result"); found != object.end()) reply.result = found->dump();
}

ErrorKind kind_of_code(int code) {
  switch (code) {
    case 0x87:
    case 0x97: return ErrorKind::kDenied;
    case 0x95:
    case 0x99: return ErrorKind::kUsage;
    case 0x89: return ErrorKind::kBusy;
    default: return ErrorKind::kIo;
  }
}

ErrorKind kind_of_failure(const std::string& reason) {
  if (reason == "does_not_fit") return ErrorKind::kExhausted;
  if (reason == "denied") return ErrorKind::kDenied;
  if (reason == "invalid") return ErrorKind::kUsage;
  return ErrorKind::kIo;
}

}  // namespace

Result<Reply> parse_reply(std::string_view payload) {
  const Json object = Json::parse(payload, nullptr, false);
  if (!object.is_object()) return fail(ErrorKind::kMalformed, "the device's answer is no JSON object");
  Reply reply;
  reply.id = text_at(object, "id");
  reply.status = text_at(object, "status");
  reply.raw = payload;
  reply.reasoning = text_at(object, "reasoning");
  if (const auto found = object.find("text"); found != object.end() && found->is_string()) reply.text = *found;
  if (reply.status.empty()) {
    reply.kind = Reply::Kind::kChunk;
    reply.sequence = number_at(object, "seq");
    if (!reply.text || !object.contains("seq")) return fail(ErrorKind::kMalformed, "an answer without a status");
    return reply;
  }
  if (reply.status == "accepted") reply.kind = Reply::Kind::kAccepted;
  if (reply.status == "rejected") reply.kind = Reply::Kind::kRejected;
  read_end(object, reply);
  return reply;
}

std::string epoch_of_birth(std::string_view payload) {
  const Json object = Json::parse(payload, nullptr, false);
  if (!object.is_object() || !object.contains("epoch")) return {};
  return object["epoch"].is_number_unsigned() ? object["epoch"].dump() : std::string();
}

bool text_is_whole(const Reply& outcome) {
  if (outcome.sha256.empty() || !outcome.text) return true;
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  const std::string& text = *outcome.text;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return outcome.sha256 == hex.data();
}

Result<void> as_result(const Reply& end) {
  const std::string words = end.reason + (end.detail.empty() ? "" : ": " + end.detail);
  if (end.kind == Reply::Kind::kRejected) {
    const std::string later =
        end.retry_after.count() > 0 ? "; try again in " + std::to_string(end.retry_after.count()) + " ms" : "";
    return fail(kind_of_code(end.code), "the device refused the request: " + words + later);
  }
  if (end.status == "done") return {};
  if (end.status == "cancelled") return fail(ErrorKind::kInterrupted, "cancelled");
  return fail(kind_of_failure(end.reason), "the request " + (end.status == "failed" ? "failed: " + words : end.status));
}

}  // namespace linnet::cli::ctl
