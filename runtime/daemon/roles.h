// Who may do what: an identity has one role, a role everything that the lesser ones have, nobody anything by default.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace linnet::daemon {

enum class Role : std::uint8_t { kNone, kViewer, kRequester, kOperator, kDeployer, kRoot };

[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> parse_role(
    std::string_view name);  // "viewer" … "root"; "none" is not one to configure.

// The operations of the interface. What is not here is unknown, whoever asks.
enum class OperationKind : std::uint8_t {
  kStatus,
  kModels,
  kRebirth,  // viewer
  kInfer,
  kEmbed,
  kCancel,
  kReplay,  // requester
  kGpio,
  kAudit,  // operator
  kLoad,
  kUnload,
  kSwap,  // deployer
};

[[nodiscard]] std::string_view to_string(OperationKind operation);
[[nodiscard]] std::optional<OperationKind> parse_operation(std::string_view name);

[[nodiscard]] Role required_role(OperationKind operation);

// The configured map from the authenticated identity (`{who}` of the topic, which the broker's ACL enforces) to its
// role.
class RoleMap {
 public:
  void assign(std::string who, Role role) { roles_[std::move(who)] = role; }
  [[nodiscard]] Role role_of(std::string_view who) const;
  [[nodiscard]] bool allows(std::string_view who, OperationKind operation) const;

 private:
  std::map<std::string, Role, std::less<>> roles_;
};

}  // namespace linnet::daemon
