#include "runtime/daemon/audit_trail.h"

#include <algorithm>
#include <utility>

#include "runtime/daemon/log.h"

namespace linnet::daemon {

Result<AuditTrail> AuditTrail::open(const std::string& path) {
  LINNET_TRY(TelemetrySpool records, TelemetrySpool::open(path, kMost));
  return AuditTrail(std::move(records));
}

void AuditTrail::add(std::string_view record) {
  const std::lock_guard lock(mutex_);
  const auto added = records_.add(record);
  if (!added) log(LogLevel::kWarning, "an audit record is in this log alone: " + added.error().message);
}

Result<std::string> AuditTrail::last(std::size_t most) {
  const std::lock_guard lock(mutex_);
  LINNET_TRY(const auto entries, records_.oldest(kMost));
  std::string list = "[";
  for (std::size_t i = entries.size() - std::min(most, entries.size()); i < entries.size(); ++i) {
    if (entries[i].text.empty()) continue;  // Damaged.
    if (list.size() > 1) list.push_back(',');
    list.append(entries[i].text);
  }
  return list + "]";
}

}  // namespace linnet::daemon
