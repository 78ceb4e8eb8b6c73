#include "kernels/attention/attention.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Attention*> kTable[] = {
    {"scalar", {}, &scalar::kAttention},
};

}  // namespace

Variants<const Attention*> attention_variants() { return kTable; }

}  // namespace linnet::kernels
