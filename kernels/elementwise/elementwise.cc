#include "kernels/elementwise/elementwise.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Elementwise*> kTable[] = {
    {"scalar", {}, &scalar::kElementwise},
};

}  // namespace

Variants<const Elementwise*> elementwise_variants() { return kTable; }

}  // namespace linnet::kernels
