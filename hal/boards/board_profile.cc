#include "hal/boards/board_profile.h"

#include <algorithm>

namespace linnet::hal {
namespace {

// Those with a device tree.
constexpr const BoardProfile* kProfiles[] = {&boards::kJetsonOrin, &boards::kJetsonXavier, &boards::kJetsonThor,
                                             &boards::kRaspberryPi, &boards::kRk3588};

bool names(const BoardProfile& profile, std::span<const std::string_view> compatible) {
  return std::ranges::any_of(profile.compatible, [&](std::string_view word) {
    return std::ranges::find(compatible, word) != compatible.end();
  });
}

}  // namespace

const BoardProfile& find_profile(std::span<const std::string_view> compatible, bool has_dmi) {
  for (const BoardProfile* profile : kProfiles) {
    if (names(*profile, compatible)) return *profile;
  }
  return has_dmi ? boards::kGenericX86 : boards::kUnknown;
}

}  // namespace linnet::hal
