// Hashes of every family's output bits for seeded inputs, the same on every processor: what x86 and ARM agree on.
//
// A hash changes only when the canonical arithmetic does; then every golden token id changes too. To renew the table,
// run with LINNET_PRINT_GOLDENS=1 and paste.
#include <cstdio>
#include <cstdlib>

#include "kernels/attention/attention.h"
#include "kernels/convert/convert.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/math/math.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_float/matmul_float.h"
#include "kernels/norm/norm.h"
#include "kernels/recurrence/recurrence.h"
#include "kernels/rotate/rotate.h"
#include "kernels/softmax/softmax.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::OwnedActivations;
using test::Random;

struct Golden {
  std::string_view name;
  std::uint64_t hash;
};

constexpr Golden kGoldens[] = {
#include "tests/data/kernels/goldens.inc"
};

// FNV-1a over the numbers' bits, lowest byte first.
class Hash {
 public:
  template <class T>
  void add(const std::vector<T>& values) {
    for (const std::uint32_t bits : test::bits_of(values)) {
      for (unsigned shift = 0; shift < 8 * sizeof(T); shift += 8) {
        value_ = (value_ ^ ((bits >> shift) & 0xFFU)) * 0x100000001B3U;
      }
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325U;
};

void expect_golden(std::string_view name, std::uint64_t hash) {
  if (std::getenv("LINNET_PRINT_GOLDENS") != nullptr) {
    std::printf("{\"%s\", 0x%016llXU},\n", std::string(name).c_str(), static_cast<unsigned long long>(hash));
    return;
  }
  for (const Golden& golden : kGoldens) {
    if (golden.name == name) {
      EXPECT_EQ(hash, golden.hash) << name;
      return;
    }
  }
  ADD_FAILURE() << "no golden for " << name;
}

// Every variant's hash of what `run(function, hash)` adds.
template <class Function, class Run>
void expect_golden_of_variants(std::string_view name, Variants<Function> variants, Run run) {
  test::for_each_variant(variants, [&](Function function) {
    Hash hash;
    run(function, hash);
    expect_golden(name, hash.value());
  });
}

TEST(GoldenTest, MatMul) {
  for (const Format format : test::kPanelFormats) {
    Random random(100);
    const std::size_t columns = test::whole_blocks(format, 864);
    const auto rows = test::random_rows(random, format, 80, columns);
    const auto panels = test::packed(format, rows, 80, columns);
    const OwnedActivations in(random.floats(11 * columns), 11, format);
    expect_golden_of_variants("matmul " + std::string(info(format).name), matmul_variants(format),
                              [&](const MatMul* function, Hash& hash) {
                                std::vector<float> out(11 * 80);
                                function->many_rows(panels.data(), 5, in.view(), out.data(), 80);
                                hash.add(out);
                              });
  }
}

TEST(GoldenTest, MatMulFloat) {
  for (const Format format : test::kFloatFormats) {
    Random random(101);
    const auto floats = random.floats(23 * 203);
    std::vector<std::byte> weights(row_bytes(format, floats.size()));
    quantize_row(format, floats.data(), floats.size(), weights.data());
    const auto in = random.floats(5 * 203);
    expect_golden_of_variants("matmul_float " + std::string(info(format).name), matmul_float_variants(format),
                              [&](MatMulFloat function, Hash& hash) {
                                std::vector<float> out(5 * 23);
                                function({weights.data(), 23, 203}, {in.data(), 5, 203}, out.data(), 23);
                                hash.add(out);
                              });
  }
}

TEST(GoldenTest, Quantize) {
  Random random(102);
  const auto in = random.floats(4096, 7.0F);
  expect_golden_of_variants("quantize", quantize_variants(), [&](Quantize function, Hash& hash) {
    std::vector<std::int8_t> values(4096);
    std::vector<float> scales(128);
    std::vector<std::int32_t> sums(128);
    const Q8Row row{values.data(), scales.data(), sums.data(), 1};
    function(in.data(), in.size(), 1, &row, 1);
    hash.add(values);
    hash.add(scales);
    hash.add(sums);
  });
}

TEST(GoldenTest, Attention) {
  Random random(103);
  const auto queries = random.floats(3 * 5 * 72, 2.0F);
  const auto keys = random.halves(256 * 72);
  const auto values = random.halves(256 * 40);
  expect_golden_of_variants("attention", attention_variants(), [&](const Attention* function, Hash& hash) {
    std::vector<float> numbers[2][3];
    AttentionPart parts[2];
    for (std::size_t i = 0; i < 2; ++i) {
      numbers[i][0].resize(15);
      numbers[i][1].resize(15);
      numbers[i][2].resize(600);
      parts[i] = {numbers[i][0].data(), numbers[i][1].data(), numbers[i][2].data(), 200};
    }
    AttentionPage page{queries.data(), 360, keys.data(), 72, values.data(), 40, 256, 256, 3, 5, 72, 40, 0.118F};
    function->page(page, parts[0]);
    page.positions = 100;
    page.first_row_sees = 98;
    function->page(page, parts[1]);
    function->merge({3, 5, 40}, parts[0], parts[1]);
    function->finish({3, 5, 40}, parts[0]);
    for (const auto& part : numbers) {
      for (const auto& row : part) hash.add(row);
    }
  });
}

TEST(GoldenTest, AttentionOfInt8) {
  Random random(111);
  const auto queries = random.floats(3 * 5 * 72, 2.0F);
  std::vector<std::uint16_t> keys(256 * cache_row_numbers(CacheFormat::kQ8, 72));
  std::vector<std::uint16_t> values(256 * cache_row_numbers(CacheFormat::kQ8, 40));
  const std::size_t key_row = keys.size() / 256;
  const std::size_t value_row = values.size() / 256;
  for (std::size_t j = 0; j < 256; ++j) {
    store_q8_row(random.floats(72).data(), 72, keys.data() + j * key_row);
    store_q8_row(random.floats(40).data(), 40, values.data() + j * value_row);
  }
  expect_golden_of_variants("attention q8", attention_variants(), [&](const Attention* function, Hash& hash) {
    std::vector<float> maximum(15);
    std::vector<float> sum(15);
    std::vector<float> out(600);
    const AttentionPage page{
        queries.data(),  360, keys.data(), key_row, values.data(), value_row, 256, 254, 3, 5, 72, 40, 0.118F,
        CacheFormat::kQ8};
    function->page(page, {maximum.data(), sum.data(), out.data(), 200});
    hash.add(maximum);
    hash.add(sum);
    hash.add(out);
  });
}

TEST(GoldenTest, Norm) {
  Random random(104);
  const auto in = random.floats(901, 4.0F);
  const auto weight = random.floats(901);
  expect_golden_of_variants("norm", rms_norm_variants(), [&](RmsNorm function, Hash& hash) {
    std::vector<float> out(901);
    function(in.data(), weight.data(), 1e-6F, 901, out.data());
    hash.add(out);
  });
}

TEST(GoldenTest, LayerNorm) {
  Random random(108);
  const auto in = random.floats(901, 4.0F);
  const auto weight = random.floats(901);
  const auto bias = random.floats(901);
  expect_golden_of_variants("layer_norm", layer_norm_variants(), [&](LayerNorm function, Hash& hash) {
    std::vector<float> out(901);
    function(in.data(), weight.data(), bias.data(), 1e-6F, 901, out.data());
    hash.add(out);
  });
}

TEST(GoldenTest, Gelu) {
  Random random(109);
  const auto in = random.floats(1003, 6.0F);
  expect_golden_of_variants("gelu", elementwise_variants(), [&](const Elementwise* function, Hash& hash) {
    std::vector<float> out(1003);
    function->gelu(in.data(), out.data(), out.size());
    hash.add(out);
  });
}

TEST(GoldenTest, Recurrence) {
  Random random(110);
  const auto weights = random.floats(203 * 4);
  const auto text = random.floats(203 * 3, 4.0F);
  const auto head = random.floats(60 * 203 + 2 * 60 + 203);
  expect_golden_of_variants("recurrence", recurrence_variants(), [&](const Recurrence* function, Hash& hash) {
    std::vector<float> past(203 * 3);
    for (std::size_t t = 0; t < 3; ++t) {
      std::vector<float> row(text.begin() + static_cast<std::ptrdiff_t>(203 * t),
                             text.begin() + static_cast<std::ptrdiff_t>(203 * (t + 1)));
      function->convolve({past.data(), 203, weights.data(), 4, 203}, row.data());
      hash.add(row);
    }
    std::vector<float> state = head;
    std::vector<float> out(203);
    const float* const rest = head.data() + 60 * 203;
    function->delta({state.data(), rest, rest + 60, rest + 120, 60, 203, 0.93F, 0.4F}, out.data());
    hash.add(out);
    hash.add(state);
  });
  std::vector<float> softplus;
  for (int i = -4000; i < 4000; ++i) softplus.push_back(math::softplus(static_cast<float>(i) * 0.01F));
  Hash hash;
  hash.add(softplus);
  expect_golden("softplus", hash.value());
  expect_golden_of_variants("unit_norm", unit_norm_variants(), [&](UnitNorm function, Hash& bits) {
    std::vector<float> row = text;
    function(row.data(), 1e-6F, 0.25F, row.size());
    bits.add(row);
  });
  expect_golden_of_variants("gates", elementwise_variants(), [&](const Elementwise* function, Hash& bits) {
    std::vector<float> out(text.size());
    function->sigmoid_multiply(text.data(), weights.data(), out.data(), out.size());
    bits.add(out);
    function->clamped_swiglu(text.data(), weights.data(), {1.702F, 3.0F}, out.data(), out.size());
    bits.add(out);
  });
}

TEST(GoldenTest, SoftmaxMass) {
  Random random(108);
  const auto logits = random.floats(1003, 9.0F);
  expect_golden_of_variants("softmax_mass", softmax_variants(), [&](const Softmax* function, Hash& hash) {
    hash.add(std::vector<float>{function->mass(logits.data(), logits.size(), 9.0F, 1.0F),
                                function->mass(logits.data(), logits.size(), 9.0F, 0.8F)});
  });
}

TEST(GoldenTest, Rotate) {
  Random random(105);
  const auto row = random.floats(3 * 84);
  std::vector<double> frequencies(37);
  std::vector<float> cosines(37);
  std::vector<float> sines(37);
  fill_frequencies(1e6, 37, nullptr, frequencies.data());
  fill_rotation(31415, frequencies.data(), 37, cosines.data(), sines.data());
  expect_golden_of_variants("rotate", rotate_variants(), [&](const Rotate* function, Hash& hash) {
    std::vector<float> halves = row;
    std::vector<float> interleaved = row;
    function->halves(halves.data(), 3, 84, cosines.data(), sines.data(), 37);
    function->interleaved(interleaved.data(), 3, 84, cosines.data(), sines.data(), 37);
    hash.add(halves);
    hash.add(interleaved);
  });
}

TEST(GoldenTest, Elementwise) {
  Random random(106);
  const auto a = random.floats(1003, 100.0F);
  const auto b = random.floats(1003, 3.0F);
  expect_golden_of_variants("elementwise", elementwise_variants(), [&](const Elementwise* function, Hash& hash) {
    std::vector<float> out(1003);
    function->silu_multiply(a.data(), b.data(), out.data(), out.size());
    hash.add(out);
    function->add(a.data(), b.data(), out.data(), out.size());
    hash.add(out);
    function->scale(a.data(), 0.7F, out.data(), out.size());
    hash.add(out);
  });
}

TEST(GoldenTest, Convert) {
  Random random(107);
  const auto floats = random.floats(3001, 60000.0F);
  const auto halves = random.halves(3001);
  expect_golden_of_variants("convert", convert_variants(), [&](const Convert* function, Hash& hash) {
    std::vector<std::uint16_t> narrow(3001);
    std::vector<float> wide(3001);
    function->to_f16(floats.data(), narrow.data(), narrow.size());
    function->from_f16(halves.data(), wide.data(), wide.size());
    hash.add(narrow);
    hash.add(wide);
  });
}

TEST(GoldenTest, Math) {
  Hash hash;
  std::vector<float> results;
  for (const std::uint32_t sign : {0U, 0x80000000U}) {
    // Every 307th float from 2^-20 to 112: 1.5 million, so that the last bit of nearly every constant shows.
    for (std::uint32_t bits = 0x35800000U; bits < 0x42E00000U; bits += 307) {
      results.push_back(math::exp(std::bit_cast<float>(bits | sign)));
    }
  }
  hash.add(results);
  expect_golden("exp", hash.value());
  Hash angles;
  std::vector<std::uint32_t> halves;
  for (double x = -1000.0; x < 1e6; x = x * 1.0001 + 13.7) {
    for (const double y : {math::sin(x), math::cos(x), math::power(10000.0, x * 1e-6)}) {
      const auto bits = std::bit_cast<std::uint64_t>(y);
      halves.push_back(static_cast<std::uint32_t>(bits));
      halves.push_back(static_cast<std::uint32_t>(bits >> 32));
    }
  }
  angles.add(halves);
  expect_golden("angles", angles.value());
}

}  // namespace
}  // namespace linnet::kernels
