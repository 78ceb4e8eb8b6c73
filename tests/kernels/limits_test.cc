// What the timed loops compute: else a compiler that leaves them out would look like a very fast machine.
#include "kernels/limits/limits.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

#include "hal/cpu.h"

namespace linnet::kernels {
namespace {

class LimitsOfThisMachine : public testing::Test {
 protected:
  template <class Use>
  static void for_each_variant(Use use) {
    for (const auto& variant : limits_variants()) {
      if (!hal::detect_cpu_features().covers(variant.needs)) continue;
      SCOPED_TRACE(variant.name);
      use(*variant.function);
    }
  }
};

struct alignas(64) Operands {
  std::array<std::uint8_t, kMultiplyOperands> a;
  std::array<std::int8_t, kMultiplyOperands> b;
};

TEST_F(LimitsOfThisMachine, ReadingTouchesEveryWord) {
  constexpr std::size_t kCount = 5 * kReadWords;
  struct alignas(64) Words {
    std::array<std::uint64_t, kCount> numbers;
  } words{};
  std::uint64_t next = 0x9e3779b97f4a7c15;
  for (std::uint64_t& word : words.numbers) word = next = next * 6364136223846793005 + 1442695040888963407;
  const std::uint64_t expected = std::accumulate(words.numbers.begin(), words.numbers.end(), std::uint64_t{0});
  for_each_variant([&](const Limits& limits) {
    EXPECT_EQ(limits.read(words.numbers.data(), kCount), expected);
    EXPECT_EQ(limits.read(words.numbers.data(), 0), 0u);
    for (std::size_t i = 0; i < kCount; i += 7) {  // A word that is not read would not be missed.
      words.numbers[i] += 1;
      EXPECT_EQ(limits.read(words.numbers.data(), kCount), expected + 1) << i;
      words.numbers[i] -= 1;
    }
  });
}

TEST_F(LimitsOfThisMachine, EveryRoundAddsTheWholeProduct) {
  Operands operands{};
  std::int64_t product = 0;
  for (std::size_t i = 0; i < kMultiplyOperands; ++i) {
    operands.a[i] = static_cast<std::uint8_t>((i * 37 + 5) % 128);
    operands.b[i] = static_cast<std::int8_t>(static_cast<int>((i * 91 + 3) % 255) - 127);
    product += std::int64_t{operands.a[i]} * operands.b[i];
  }
  ASSERT_NE(product, 0);
  for_each_variant([&](const Limits& limits) {
    for (const std::size_t rounds : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{1000}}) {
      EXPECT_EQ(limits.multiply(operands.a.data(), operands.b.data(), rounds),
                static_cast<std::int32_t>(product * static_cast<std::int64_t>(rounds * limits.products)))
          << rounds;
    }
  });
}

}  // namespace
}  // namespace linnet::kernels
