// What the processor under the tests can do: kernels are tested without the board.
#pragma once

#include "runtime/base/cpu_features.h"

namespace linnet::test {

[[nodiscard]] CpuFeatures this_cpu();

}  // namespace linnet::test
