// The last refusals and privileged acts, kept for an operator: a bounded number, the oldest make room.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/daemon/telemetry_spool.h"

namespace linnet::daemon {

// Thread-safe. Not flushed: whoever floods the device with refusals shall cost neither the disk's space nor its time.
class AuditTrail {
 public:
  static constexpr std::int64_t kMost = 1000;

  // `path` may be ":memory:". Errors: those of TelemetrySpool.
  [[nodiscard]] static Result<AuditTrail> open(const std::string& path);
  AuditTrail(AuditTrail&& other) noexcept : records_(std::move(other.records_)) {}

  // One JSON object.
  void add(std::string_view record);
  // The newest `most`, the oldest of them first, as a JSON list. Errors: those of TelemetrySpool.
  [[nodiscard]] Result<std::string> last(std::size_t most);

 private:
  explicit AuditTrail(TelemetrySpool records) : records_(std::move(records)) {}

  std::mutex mutex_;
  TelemetrySpool records_;
};

}  // namespace linnet::daemon
