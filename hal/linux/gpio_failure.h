// What a failed call of libgpiod means, for both plug-ins.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "runtime/base/result.h"

namespace linnet::hal {

// "LINE: WHAT: reason of `error`", an errno that libgpiod left.
inline tl::unexpected<Error> gpio_failure(const std::string& line, const char* what, int error) {
  const ErrorKind kind = error == EBUSY                      ? ErrorKind::kBusy
                         : error == EACCES || error == EPERM ? ErrorKind::kDenied
                         : error == ENOENT                   ? ErrorKind::kAbsent
                         : error == EOPNOTSUPP               ? ErrorKind::kUnsupported
                                                             : ErrorKind::kIo;
  return fail(kind, line + ": " + what + ": " + std::strerror(error));
}

}  // namespace linnet::hal
