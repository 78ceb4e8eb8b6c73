// The kernels that an engine uses: of every family one variant, chosen once when the model is opened.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/convert/convert.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/formats/format.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_float/matmul_float.h"
#include "kernels/norm/norm.h"
#include "kernels/quantize/quantize.h"
#include "kernels/recurrence/recurrence.h"
#include "kernels/rotate/rotate.h"
#include "kernels/softmax/softmax.h"
#include "kernels/variant.h"
#include "runtime/base/cpu_features.h"
#include "runtime/base/result.h"

namespace linnet::engine {

// A kernel family and the variant that was chosen for it.
struct ChosenKernel {
  std::string_view family;
  std::string_view variant;
};

struct KernelSet {
  static constexpr std::size_t kFormats = static_cast<std::size_t>(kernels::Format::kQ8_128) + 1;

  const kernels::Attention* attention = nullptr;
  const kernels::Convert* convert = nullptr;
  const kernels::Elementwise* elementwise = nullptr;
  const kernels::Rotate* rotate = nullptr;
  kernels::RmsNorm rms_norm = nullptr;
  kernels::LayerNorm layer_norm = nullptr;
  kernels::UnitNorm unit_norm = nullptr;
  const kernels::Recurrence* recurrence = nullptr;
  kernels::Quantize quantize = nullptr;
  const kernels::Softmax* softmax = nullptr;
  std::array<const kernels::MatMul*, kFormats> matmul{};      // By format; null where it has no panels.
  std::array<kernels::MatMulFloat, kFormats> matmul_float{};  // By format; null where it is quantised.
  std::vector<ChosenKernel> chosen;                           // One a family (and format), for people.

  // The forced variants where there are some, else the fastest that `cpu` runs. Errors: kUsage (no such family or
  // variant), kUnsupported (this CPU cannot run it).
  [[nodiscard]] static Result<KernelSet> choose(const CpuFeatures& cpu, const kernels::ForcedVariants& forced);
};

}  // namespace linnet::engine
