#include "runtime/daemon/roles.h"

#include <array>

namespace linnet::daemon {
namespace {

constexpr std::array<std::string_view, 6> kRoleNames = {"none", "viewer", "requester", "operator", "deployer", "root"};

struct OperationRow {
  OperationKind operation;
  std::string_view name;
  Role role;
};

constexpr std::array kOperations = {
    OperationRow{OperationKind::kStatus, "status", Role::kViewer},
    OperationRow{OperationKind::kModels, "models", Role::kViewer},
    OperationRow{OperationKind::kRebirth, "rebirth", Role::kViewer},
    OperationRow{OperationKind::kInfer, "infer", Role::kRequester},
    OperationRow{OperationKind::kEmbed, "embed", Role::kRequester},
    OperationRow{OperationKind::kCancel, "cancel", Role::kRequester},
    OperationRow{OperationKind::kReplay, "replay", Role::kRequester},
    OperationRow{OperationKind::kGpio, "gpio", Role::kOperator},
    OperationRow{OperationKind::kAudit, "audit", Role::kOperator},
    OperationRow{OperationKind::kLoad, "load", Role::kDeployer},
    OperationRow{OperationKind::kUnload, "unload", Role::kDeployer},
    OperationRow{OperationKind::kSwap, "swap", Role::kDeployer},
};

const OperationRow& row_of(OperationKind operation) { return kOperations[static_cast<std::size_t>(operation)]; }

}  // namespace

std::string_view to_string(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

std::optional<Role> parse_role(std::string_view name) {
  for (std::size_t i = 1; i < kRoleNames.size(); ++i) {
    if (kRoleNames[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

std::string_view to_string(OperationKind operation) { return row_of(operation).name; }

std::optional<OperationKind> parse_operation(std::string_view name) {
  for (const OperationRow& row : kOperations) {
    if (row.name == name) return row.operation;
  }
  return std::nullopt;
}

Role required_role(OperationKind operation) { return row_of(operation).role; }

Role RoleMap::role_of(std::string_view who) const {
  const auto found = roles_.find(who);
  return found == roles_.end() ? Role::kNone : found->second;
}

bool RoleMap::allows(std::string_view who, OperationKind operation) const {
  return role_of(who) >= required_role(operation);
}

}  // namespace linnet::daemon
