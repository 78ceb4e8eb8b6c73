#include "kernels/rotate/rotate.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Rotate*> kTable[] = {
    {"scalar", {}, &scalar::kRotate},
};

}  // namespace

Variants<const Rotate*> rotate_variants() { return kTable; }

}  // namespace linnet::kernels
