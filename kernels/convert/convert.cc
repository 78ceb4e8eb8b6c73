#include "kernels/convert/convert.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Convert*> kTable[] = {
    {"scalar", {}, &scalar::kConvert},
};

}  // namespace

Variants<const Convert*> convert_variants() { return kTable; }

}  // namespace linnet::kernels
