// Copies what a board's files say now into a folder, which make_linux_board() reads like the board itself.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/base/result.h"

namespace linnet::hal {

// Every file under `root` that facts or vitals are read from, and no serial number, address or host name; control
// groups are copied under their own paths. `folder` must be absent or empty. Returns how many files were copied; those
// that cannot be read are left out. Errors: kUsage (the folder holds something), kIo, kExhausted.
[[nodiscard]] Result<std::size_t> record_board(const std::string& root, const std::string& folder);

}  // namespace linnet::hal
