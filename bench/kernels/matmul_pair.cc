// Times two compilations of one variant's products by turns and prints their ratios: matmul_pair.py builds it.
//
// A machine that others use gives another speed each second. Turns of some milliseconds meet the same one, so the
// median of their ratios tells one per cent; two runs of a benchmark told no less than thirty apart.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/formats/format.h"
#include "kernels/matmul/matmul.h"

namespace linnet::kernels {
namespace before {
extern const MatMulSet kMatMuls;
}
namespace after {
extern const MatMulSet kMatMuls;
}
}  // namespace linnet::kernels

namespace {

using namespace linnet::kernels;  // NOLINT(google-build-using-namespace): the program is about this one namespace.

constexpr std::size_t kColumns = 1536;
constexpr std::size_t kPanels = 16;
constexpr std::size_t kPanelsACall = 8;
constexpr std::size_t kTurns = 81;

struct Data {
  std::vector<std::byte> panels;
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  std::vector<float> out;

  Data(Format format, std::size_t rows)
      : panels(panel_bytes(format, kPanels * kPanelRows, kColumns)),
        values(rows * kColumns),
        scales(values.size() / kActivationBlock, 0.01F),
        sums(scales.size(), 3),
        out(rows * kPanels * kPanelRows) {
    // Speed does not depend on them, as long as no scale is subnormal or infinite.
    for (std::size_t i = 0; i < panels.size(); ++i) panels[i] = static_cast<std::byte>(i * 7 & 0x3BU);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
  }

  void multiply(const MatMul& product) {
    const std::size_t rows = values.size() / kColumns;
    const Q8Activations in{values.data(), scales.data(), sums.data(), rows, kColumns};
    for (std::size_t p = 0; p < kPanels; p += kPanelsACall) {
      product.for_rows(rows)(panels.data() + panels.size() / kPanels * p, kPanelsACall, in, out.data() + kPanelRows * p,
                             kPanels * kPanelRows);
    }
  }
};

double seconds_of(Data& data, const MatMul& product, std::size_t times) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < times; ++i) data.multiply(product);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void compare(Format format, MatMul MatMulSet::*of, std::size_t rows) {
  Data data(format, rows);
  const double multiply_adds = static_cast<double>(rows * kColumns * kPanels * kPanelRows);
  const auto times = static_cast<std::size_t>((rows == 1 ? 2e7 : 2e8) / multiply_adds);
  const MatMulSet* const sets[] = {&before::kMatMuls, &after::kMatMuls};
  std::array<double, kTurns> ratios{};
  double best = 1e9;
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    std::array<double, 2> seconds{};
    for (std::size_t k = 0; k < 2; ++k) {  // Each goes first in half of the turns.
      const std::size_t which = (turn + k) % 2;
      seconds[which] = seconds_of(data, sets[which]->*of, times);
    }
    ratios[turn] = seconds[0] / seconds[1];
    best = std::min(best, seconds[1]);
  }
  std::sort(ratios.begin(), ratios.end());
  std::printf("%-7s %2zu rows  after / before %.3f (%.3f to %.3f)  at best %.0f Gop/s\n",
              std::string(info(format).name).c_str(), rows, ratios[kTurns / 2], ratios[kTurns / 4],
              ratios[kTurns * 3 / 4], 2e-9 * static_cast<double>(times) * multiply_adds / best);
}

}  // namespace

int main() {
  struct {
    Format format;
    MatMul MatMulSet::*of;
  } const formats[] = {{Format::kQ4_0, &MatMulSet::q4_0},    {Format::kQ8_0, &MatMulSet::q8_0},
                       {Format::kQ4_K, &MatMulSet::q4_k},    {Format::kQ6_K, &MatMulSet::q6_k},
                       {Format::kQ4_64, &MatMulSet::q4_64},  {Format::kQ4_128, &MatMulSet::q4_128},
                       {Format::kQ8_128, &MatMulSet::q8_128}};
  for (const auto& [format, of] : formats) {
    for (const std::size_t rows : {1U, 2U, 4U, 5U, 8U, 64U}) compare(format, of, rows);
  }
}
