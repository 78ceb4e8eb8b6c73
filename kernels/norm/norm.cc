#include "kernels/norm/norm.h"

namespace linnet::kernels {
namespace {

constexpr Variant<RmsNorm> kTable[] = {
    {"scalar", {}, scalar::rms_norm},
};

}  // namespace

Variants<RmsNorm> rms_norm_variants() { return kTable; }

}  // namespace linnet::kernels
