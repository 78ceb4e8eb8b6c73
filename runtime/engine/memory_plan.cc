#include "runtime/engine/memory_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace linnet::engine {
namespace {

// "KV cache            24.0 MiB  24 layers …"
std::string line(std::string_view name, Bytes size, std::string_view detail) {
  std::array<char, 64> head{};
  std::snprintf(head.data(), head.size(), "%-21.21s %9s", std::string(name).c_str(), to_string(size).c_str());
  std::string text(head.data());
  if (!detail.empty()) text.append("  ").append(detail);
  return text + "\n";
}

// The positions a sequence may have when `budget` is to suffice: whole pages, at least one; 0 where none fits.
std::size_t largest_context(const MemoryPlan& plan, Bytes budget) {
  const std::uint64_t page = plan.page.count * plan.full_sequences;
  const std::uint64_t pages = (plan.context + kPagePositions - 1) / kPagePositions;
  const std::uint64_t fixed = plan.budgeted().count - std::min(plan.budgeted().count, page * pages);
  if (page == 0 || fixed >= budget.count) return 0;
  return static_cast<std::size_t>((budget.count - fixed) / page) * kPagePositions;
}

}  // namespace

Bytes MemoryPlan::total(MemoryKind kind) const {
  Bytes sum;
  for (const MemoryRow& row : rows) {
    if (row.kind == kind) sum += row.size;
  }
  return sum;
}

std::string to_text(const MemoryPlan& plan) {
  std::string text;
  for (const MemoryRow& row : plan.rows) text += line(row.name, row.size, row.detail);
  text += line("anonymous", plan.total(MemoryKind::kAnonymous), "this process's own");
  if (plan.device.is_gpu)
    text += line("GPU", plan.total(MemoryKind::kDevice),
                 plan.device_is_host ? "of this machine's memory" : "its own memory");
  text += line("mapped", plan.total(MemoryKind::kMapped), "file pages, shared and clean");
  text += line("held against a budget", plan.budgeted(), "anonymous and the weights that tokens read");
  return text;
}

Result<void> check_budget(const MemoryPlan& plan, Bytes budget) {
  const Bytes needed = plan.budgeted();
  if (needed <= budget) return {};
  std::string message = "the model needs " + to_string(needed) + " and " + to_string(budget) + " are available";
  const std::size_t context = largest_context(plan, budget);
  if (context != 0) {
    message += "; a context of " + std::to_string(context) + " would fit (--ctx)";
  } else {
    message += "; no context would fit";
  }
  return fail(ErrorKind::kExhausted, std::move(message));
}

}  // namespace linnet::engine
