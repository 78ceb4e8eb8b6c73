#include "runtime/daemon/audit_trail.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/daemon/log.h"

namespace linnet::daemon {
namespace {

constexpr std::string_view kFront = "{\"at\":";

// 0 where it does not begin with one.
std::int64_t time_of(const TelemetrySpool::Entry& entry) {
  std::int64_t seconds = 0;
  const std::string_view text = entry.text;
  if (text.starts_with(kFront)) (void)std::from_chars(text.data() + kFront.size(), text.data() + text.size(), seconds);
  return seconds;
}

}  // namespace

Result<AuditTrail> AuditTrail::open(const std::string& acts, const std::string& refusals) {
  LINNET_TRY(TelemetrySpool done, TelemetrySpool::open(acts, kMost));
  LINNET_TRY(TelemetrySpool refused, TelemetrySpool::open(refusals, kMost));
  return AuditTrail(std::move(done), std::move(refused));
}

void AuditTrail::add(AuditKind kind, std::string_view record) {
  const std::lock_guard lock(mutex_);
  const auto added = (kind == AuditKind::kAct ? acts_ : refusals_).add(record);
  if (!added) log(LogLevel::kWarning, "an audit record is in this log alone: " + added.error().message);
}

// Each kind is in its order already, and a clock that was set back leaves it so. Of one second refusals come first.
Result<std::string> AuditTrail::last(std::size_t most) {
  const std::lock_guard lock(mutex_);
  LINNET_TRY(const auto acts, acts_.oldest(kMost));
  LINNET_TRY(const auto refusals, refusals_.oldest(kMost));
  std::vector<TelemetrySpool::Entry> entries(acts.size() + refusals.size());
  std::ranges::merge(refusals, acts, entries.begin(), {}, time_of, time_of);
  std::string list = "[";
  for (std::size_t i = entries.size() - std::min(most, entries.size()); i < entries.size(); ++i) {
    if (entries[i].text.empty()) continue;  // Damaged.
    if (list.size() > 1) list.push_back(',');
    list.append(entries[i].text);
  }
  return list + "]";
}

}  // namespace linnet::daemon
