// How a kernel family lists its variants, and how one is chosen.
//
// A family is a folder: `x.h` states the contract, `x_scalar.cc` defines the arithmetic, one file an ISA gives the same
// bits faster, and one constexpr table (`x.cc`) lists them: dispatch, contract tests, benchmarks and `linnet doctor`
// read that table.
#pragma once

#include <span>
#include <string_view>

#include "runtime/base/cpu_features.h"
#include "runtime/base/result.h"

// The namespace of the scalar definitions. 32-bit ARM compiles them once more, as `neon`, for processors where a fused
// multiply-add is an instruction (VFPv4) instead of a function of the C library: kernels/CMakeLists.txt.
#ifndef LINNET_SCALAR
#  define LINNET_SCALAR scalar
#endif

namespace linnet::kernels {

// One implementation of a family. Function is a pointer type, or a struct of pointers where a family has several
// shapes.
template <class Function>
struct Variant {
  std::string_view name;  // "scalar", "avx2", "neon_dotprod", …: what LINNET_KERNEL= and doctor call it.
  CpuFeatures needs;
  Function function;
};

template <class Function>
using Variants = std::span<const Variant<Function>>;

// The first variant that `cpu` can run; tables list the fastest first and scalar, which needs nothing, last.
template <class Function>
[[nodiscard]] const Variant<Function>& fastest(Variants<Function> variants, const CpuFeatures& cpu) {
  for (const auto& variant : variants) {
    if (cpu.covers(variant.needs)) return variant;
  }
  return variants.back();
}

// Forced choices, "family=variant[,family=variant…]" as LINNET_KERNEL gives them. Borrows the text.
class ForcedVariants {
 public:
  ForcedVariants() = default;
  // Errors: kUsage where the text is not of that form. Names are checked when the families choose.
  [[nodiscard]] static Result<ForcedVariants> parse(std::string_view text);

  // The variant forced for `family`, or empty.
  [[nodiscard]] std::string_view variant_of(std::string_view family) const;
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

// The forced variant where one is forced, else the fastest. Errors: kUsage (no such variant), kUnsupported (this CPU
// cannot run it).
template <class Function>
[[nodiscard]] Result<const Variant<Function>*> choose(std::string_view family, Variants<Function> variants,
                                                      const CpuFeatures& cpu, const ForcedVariants& forced);

[[nodiscard]] tl::unexpected<Error> no_such_variant(std::string_view family, std::string_view variant);
[[nodiscard]] tl::unexpected<Error> cpu_lacks_variant(std::string_view family, std::string_view variant);

template <class Function>
Result<const Variant<Function>*> choose(std::string_view family, Variants<Function> variants, const CpuFeatures& cpu,
                                        const ForcedVariants& forced) {
  const std::string_view name = forced.variant_of(family);
  if (name.empty()) return &fastest(variants, cpu);
  for (const auto& variant : variants) {
    if (variant.name != name) continue;
    if (!cpu.covers(variant.needs)) return cpu_lacks_variant(family, name);
    return &variant;
  }
  return no_such_variant(family, name);
}

}  // namespace linnet::kernels
