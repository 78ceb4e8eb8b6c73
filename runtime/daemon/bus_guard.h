// A model file that shrinks under its mapping must fail its requests, not kill the daemon.
//
// Reading past the end of a mapped file raises SIGBUS. The handler puts a zero page where the file's was, so the kernel
// that read it goes on with nonsense, and counts the fault; whoever runs the model looks at the count and throws the
// result away.
#pragma once

#include <cstdint>

#include "runtime/base/result.h"

namespace linnet::daemon {

// For the process; once, in main, before models are mapped. SIGBUS for other reasons still ends the process.
[[nodiscard]] Result<void> install_bus_guard();

// Pages replaced so far.
[[nodiscard]] std::uint64_t bus_faults();

}  // namespace linnet::daemon
