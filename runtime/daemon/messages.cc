#include "runtime/daemon/messages.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "runtime/daemon/utf8.h"

namespace linnet::daemon {
namespace {

void append_escaped_control(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.append("\\u00");
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// Six significant digits: enough for times and joules, and never "nan", which JSON has not.
void append_number(std::string& out, double value) {
  std::array<char, 32> digits{};
  const int count = std::snprintf(digits.data(), digits.size(), "%.6g", value);
  out.append(digits.data(), static_cast<std::size_t>(count));
}

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out.push_back(',');
  out.push_back('"');
  out.append(key).append("\":");
}

void append(std::string& out, std::string_view key, std::string_view text) {
  append_key(out, key);
  append_json_string(out, text);
}

template <class Number>
void append_field(std::string& out, std::string_view key, Number value) {
  append_key(out, key);
  append_number(out, value);
}

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

void begin(std::string& out, std::string_view id) {
  out.clear();
  out.push_back('{');
  append(out, "id", id);
}

void append_timings(std::string& out, const GenerationReport& report) {
  append_key(out, "timings");
  out.push_back('{');
  append_field(out, "queue_ms", milliseconds(report.queued));
  append_field(out, "first_token_ms", milliseconds(report.first_token));
  append_field(out, "total_ms", milliseconds(report.total));
  out.push_back('}');
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out.push_back('\\');
      out.push_back(text[i++]);
    } else if (byte == '\n') {
      out.append("\\n");
      ++i;
    } else if (byte < 0x20) {
      append_escaped_control(out, byte);
      ++i;
    } else if (const std::size_t length = utf8_length(text.substr(i)); length > 0) {
      out.append(text.substr(i, length));
      i += length;
    } else {
      out.append("\xEF\xBF\xBD");
      ++i;
    }
  }
  out.push_back('"');
}

void append_deed(std::string& out, std::string_view rule, std::string_view target, std::string_view failure) {
  out.push_back('{');
  append(out, "rule", rule);
  append(out, "target", target);
  append_key(out, "done");
  out.append(failure.empty() ? "true" : "false");
  if (!failure.empty()) append(out, "reason", failure);
  out.push_back('}');
}

void write_accepted(std::string& out, std::string_view id, std::size_t position, std::chrono::milliseconds estimate) {
  begin(out, id);
  append(out, "status", "accepted");
  append_field(out, "queue_pos", std::uint64_t{position});
  append_field(out, "est_ms", static_cast<std::uint64_t>(estimate.count()));
  out.push_back('}');
}

void write_rejected(std::string& out, std::string_view id, const Rejection& rejection,
                    std::chrono::milliseconds retry_after, std::size_t queue_depth) {
  begin(out, id);
  append(out, "status", "rejected");
  append_field(out, "rc", static_cast<std::uint64_t>(rejection.code));
  append(out, "reason", rejection.reason);
  append_field(out, "retry_after_ms", static_cast<std::uint64_t>(retry_after.count()));
  append_field(out, "queue_depth", std::uint64_t{queue_depth});
  out.push_back('}');
}

void write_chunk(std::string& out, std::string_view id, std::uint64_t sequence, std::string_view text,
                 std::string_view reasoning) {
  begin(out, id);
  append_field(out, "seq", sequence);
  append(out, "text", text);
  if (!reasoning.empty()) append(out, "reasoning", reasoning);
  out.push_back('}');
}

void write_result(std::string& out, std::string_view id, std::string_view json) {
  begin(out, id);
  append(out, "status", "done");
  append_key(out, "result");
  out.append(json);
  out.push_back('}');
}

void write_generation(std::string& out, std::string_view id, OutcomeKind kind, const GenerationReport& report) {
  begin(out, id);
  append(out, "status", to_string(kind));
  append(out, "text", report.text);
  if (!report.reasoning.empty()) append(out, "reasoning", report.reasoning);
  append(out, "finish", report.finish);
  append_field(out, "prompt_tokens", report.prompt_tokens);
  append_field(out, "tokens", report.tokens);
  append_field(out, "n_chunks", report.chunks);
  append(out, "sha256", sha256_hex(report.text));
  append_timings(out, report);
  if (!report.actions.empty()) {
    append_key(out, "actions");
    out.append(report.actions);
  }
  if (report.joules) {
    append_field(out, "energy_j", *report.joules);
    append(out, "energy_source", report.energy_source);
  }
  if (report.cost) append_field(out, "cost", *report.cost);
  if (report.confidence) append_field(out, "confidence", *report.confidence);
  out.push_back('}');
}

void write_ended(std::string& out, std::string_view id, OutcomeKind kind, std::string_view reason,
                 std::string_view detail) {
  begin(out, id);
  append(out, "status", to_string(kind));
  append(out, "reason", reason);
  if (!detail.empty()) append(out, "detail", detail);
  out.push_back('}');
}

std::string_view reason_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kExhausted: return "does_not_fit";
    case ErrorKind::kIo: return "io";
    case ErrorKind::kUsage: return "invalid";
    case ErrorKind::kDenied: return "denied";
    case ErrorKind::kBusy: return "busy";
    case ErrorKind::kAbsent: return "absent";
    case ErrorKind::kUnsupported: return "unsupported";
    default: return "engine";
  }
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return hex.data();
}

}  // namespace linnet::daemon
