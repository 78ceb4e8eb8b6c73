// Whether memory runs short, and what of it a model's weights may take: pure functions of a snapshot.
#pragma once

#include <optional>

#include "hal/board.h"
#include "runtime/base/units.h"

namespace linnet::hal {

// What can be taken without swapping, by the kernel's estimate and inside the tightest control group: free memory, and
// page cache, a model's weights among it. Of a group's limit, what is held in it that cannot be given back is not
// there.
[[nodiscard]] std::optional<Bytes> available_memory(const Vitals& vitals);

struct MemoryState {
  bool is_short = false;
  std::optional<Bytes> available = {};  // As above.
};

// Memory is short from the moment on that somebody waited for it in kShort per cent of the last ten seconds (PSI, the
// group's where there is one, else the machine's) until it is under kEased; without PSI, that a group's usage is within
// kNearLimit of its limit until it is within kOffLimit. `before` is the last answer.
[[nodiscard]] MemoryState judge_memory(const Vitals& vitals, const MemoryState& before);

// Weights that do not fit are read again for each token: that alone shows as more than kShort. A busy system that reads
// files now and then stays under it.
inline constexpr double kShort = 10;
inline constexpr double kEased = 1;
inline constexpr double kNearLimit = 0.05;
inline constexpr double kOffLimit = 0.10;

}  // namespace linnet::hal
