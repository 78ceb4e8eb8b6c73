// The last refusals and privileged acts, kept for an operator: a bounded number, the oldest make room.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/daemon/telemetry_spool.h"

namespace linnet::daemon {

enum class AuditKind : int { kAct, kRefusal };

// Thread-safe. Not flushed: whoever floods the device with refusals shall cost neither the disk's space nor its time.
// Each kind has room of its own: nor shall refusals, which anybody can bring about, wash away what was done.
class AuditTrail {
 public:
  static constexpr std::int64_t kMost = 500;  // Of each kind.

  // Of acts and of refusals; either may be ":memory:". Errors: those of TelemetrySpool.
  [[nodiscard]] static Result<AuditTrail> open(const std::string& acts, const std::string& refusals);
  AuditTrail(AuditTrail&& other) noexcept : acts_(std::move(other.acts_)), refusals_(std::move(other.refusals_)) {}

  // One JSON object that begins with its time, as `{"at":SECONDS,`.
  void add(AuditKind kind, std::string_view record);
  // The newest `most`, the oldest of them first, as a JSON list. Errors: those of TelemetrySpool.
  [[nodiscard]] Result<std::string> last(std::size_t most);

 private:
  AuditTrail(TelemetrySpool acts, TelemetrySpool refusals) : acts_(std::move(acts)), refusals_(std::move(refusals)) {}

  std::mutex mutex_;
  TelemetrySpool acts_;
  TelemetrySpool refusals_;
};

}  // namespace linnet::daemon
