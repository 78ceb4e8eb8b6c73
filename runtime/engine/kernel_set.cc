#include "runtime/engine/kernel_set.h"

#include <algorithm>
#include <string>

namespace linnet::engine {
namespace {

using kernels::Format;

constexpr std::string_view kFamilies[] = {"attention",  "convert", "elementwise", "rotate",       "norm",  "quantize",
                                          "recurrence", "softmax", "matmul",      "matmul_float", "limits"};

// A forced family that does not exist would otherwise be ignored in silence.
Result<void> check_families(std::string_view text) {
  while (!text.empty()) {
    const auto family = text.substr(0, text.find('='));
    if (std::find(std::begin(kFamilies), std::end(kFamilies), family) == std::end(kFamilies)) {
      return fail(ErrorKind::kUsage, "LINNET_KERNEL: there is no kernel family '" + std::string(family) + "'");
    }
    const auto comma = text.find(',');
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return {};
}

// Chooses for one family into `function`, and notes the choice.
class Chooser {
 public:
  Chooser(const CpuFeatures& cpu, const kernels::ForcedVariants& forced, std::vector<ChosenKernel>& chosen)
      : cpu_(cpu), forced_(forced), chosen_(chosen) {}

  template <class Function>
  Result<void> operator()(std::string_view family, kernels::Variants<Function> variants, Function& function) {
    LINNET_TRY(const auto* variant, kernels::choose(family, variants, cpu_, forced_));
    function = variant->function;
    const ChosenKernel choice{family, variant->name};
    const bool noted = std::any_of(chosen_.begin(), chosen_.end(), [&](const ChosenKernel& other) {
      return other.family == choice.family && other.variant == choice.variant;
    });
    if (!noted) chosen_.push_back(choice);
    return {};
  }

 private:
  const CpuFeatures& cpu_;
  const kernels::ForcedVariants& forced_;
  std::vector<ChosenKernel>& chosen_;
};

}  // namespace

Result<KernelSet> KernelSet::choose(const CpuFeatures& cpu, const kernels::ForcedVariants& forced) {
  LINNET_CHECK(check_families(forced.text()));
  KernelSet set;
  Chooser choose_one(cpu, forced, set.chosen);
  LINNET_CHECK(choose_one("attention", kernels::attention_variants(), set.attention));
  LINNET_CHECK(choose_one("convert", kernels::convert_variants(), set.convert));
  LINNET_CHECK(choose_one("elementwise", kernels::elementwise_variants(), set.elementwise));
  LINNET_CHECK(choose_one("rotate", kernels::rotate_variants(), set.rotate));
  LINNET_CHECK(choose_one("norm", kernels::rms_norm_variants(), set.rms_norm));
  LINNET_CHECK(choose_one("norm", kernels::layer_norm_variants(), set.layer_norm));
  LINNET_CHECK(choose_one("norm", kernels::unit_norm_variants(), set.unit_norm));
  LINNET_CHECK(choose_one("recurrence", kernels::recurrence_variants(), set.recurrence));
  LINNET_CHECK(choose_one("quantize", kernels::quantize_variants(), set.quantize));
  LINNET_CHECK(choose_one("softmax", kernels::softmax_variants(), set.softmax));
  for (const Format format : kernels::all_formats()) {
    const auto index = static_cast<std::size_t>(format);
    if (kernels::info(format).panel_block_bytes != 0) {
      LINNET_CHECK(choose_one("matmul", kernels::matmul_variants(format), set.matmul[index]));
    } else {
      LINNET_CHECK(choose_one("matmul_float", kernels::matmul_float_variants(format), set.matmul_float[index]));
    }
  }
  return set;
}

}  // namespace linnet::engine
