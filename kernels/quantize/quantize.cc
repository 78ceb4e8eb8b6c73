#include "kernels/quantize/quantize.h"

namespace linnet::kernels {
namespace {

constexpr Variant<Quantize> kTable[] = {
    {"scalar", {}, scalar::quantize},
};

}  // namespace

Variants<Quantize> quantize_variants() { return kTable; }

}  // namespace linnet::kernels
