#include "kernels/variant.h"

#include <gtest/gtest.h>

namespace linnet::kernels {
namespace {

constexpr Variant<int> kTable[] = {
    {"fast", {.avx2 = true, .avx512_vnni = true}, 3},
    {"good", {.avx2 = true}, 2},
    {"scalar", {}, 1},
};
const Variants<int> kVariants = kTable;

TEST(VariantTest, TheFirstThatTheProcessorRunsIsChosen) {
  EXPECT_EQ(fastest(kVariants, {.avx2 = true, .avx512_vnni = true}).name, "fast");
  EXPECT_EQ(fastest(kVariants, {.avx2 = true}).name, "good");
  EXPECT_EQ(fastest(kVariants, {.avx512_vnni = true}).name, "scalar");
  EXPECT_EQ(fastest(kVariants, {}).name, "scalar");
}

TEST(VariantTest, AForcedVariantIsTaken) {
  const auto forced = ForcedVariants::parse("norm=avx2,matmul=good");
  ASSERT_TRUE(forced);
  const auto chosen = choose("matmul", kVariants, {.avx2 = true, .avx512_vnni = true}, *forced);
  ASSERT_TRUE(chosen);
  EXPECT_EQ((*chosen)->name, "good");
  const auto other = choose("rotate", kVariants, {.avx2 = true, .avx512_vnni = true}, *forced);
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)->name, "fast");
}

TEST(VariantTest, AForcedVariantThatCannotRunIsAnError) {
  const auto lacking = choose("matmul", kVariants, {}, *ForcedVariants::parse("matmul=good"));
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().kind, ErrorKind::kUnsupported);
  const auto unknown = choose("matmul", kVariants, {}, *ForcedVariants::parse("matmul=best"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  EXPECT_NE(unknown.error().message.find("best"), std::string::npos);
}

TEST(VariantTest, OtherFormsAreUsageErrors) {
  for (const auto* text : {"matmul", "=avx2", "matmul=", "a=b,c", "a=b,=c"}) {
    const auto parsed = ForcedVariants::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kUsage);
  }
  EXPECT_TRUE(ForcedVariants::parse(""));
}

}  // namespace
}  // namespace linnet::kernels
