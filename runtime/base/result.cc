#include "runtime/base/result.h"

namespace linnet {

Error with_context(std::string_view context, Error error) {
  error.message.insert(0, ": ").insert(0, context);
  return error;
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return 2;
    case ErrorKind::kUnsupported:
    case ErrorKind::kMalformed: return 3;
    case ErrorKind::kExhausted: return 4;
    case ErrorKind::kAbsent:
    case ErrorKind::kBusy:
    case ErrorKind::kDeviceLost:
    case ErrorKind::kUnforeseen:
    case ErrorKind::kIo: return 5;
    case ErrorKind::kDenied: return 6;
    case ErrorKind::kInterrupted: return 130;
  }
  return 5;
}

}  // namespace linnet
