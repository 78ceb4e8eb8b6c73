// A PC, known by its DMI tables, and whatever is not known at all: what the kernel publishes is all there is.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {

const BoardProfile kGenericX86 = {.family = "x86", .compatible = {}};
const BoardProfile kUnknown = {.family = "unknown", .compatible = {}};

}  // namespace linnet::hal::boards
