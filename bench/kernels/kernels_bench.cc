// Speed of every kernel variant that this processor runs: bytes of weights a second, multiply-adds a second.
//
// Rates on a shared machine move from minute to minute: compare variants inside one run, with
// --benchmark_enable_random_interleaving=true --benchmark_repetitions=9, by their medians.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "hal/cpu.h"
#include "kernels/attention/attention.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_float/matmul_float.h"
#include "kernels/norm/norm.h"
#include "kernels/quantize/quantize.h"

namespace {

using namespace linnet::kernels;  // NOLINT(google-build-using-namespace): the program is about this one namespace.

// Repeatable numbers of no meaning: speed does not depend on them.
class Noise {
 public:
  std::uint32_t next() { return state_ = state_ * 1664525U + 1013904223U; }
  float unit() { return static_cast<float>(next() >> 8) * 0x1p-24F - 0.5F; }
  std::vector<float> floats(std::size_t count) {
    std::vector<float> numbers(count);
    for (float& x : numbers) x = unit();
    return numbers;
  }

 private:
  std::uint32_t state_ = 1;
};

std::vector<std::byte> quantized(Noise& noise, Format format, std::size_t rows, std::size_t columns) {
  std::vector<std::byte> bytes(rows * row_bytes(format, columns));
  const std::vector<float> row = noise.floats(columns);
  quantize_row(format, row.data(), columns, bytes.data());
  for (std::size_t r = 1; r < rows; ++r) {
    std::memcpy(bytes.data() + r * row_bytes(format, columns), bytes.data(), row_bytes(format, columns));
  }
  return bytes;
}

// Reports bytes a second, and operations (two a multiply-add) where they are counted.
void report(benchmark::State& state, std::size_t bytes, double operations) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  if (operations > 0.0) {
    state.counters["op/s"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
  }
}

void matmul(benchmark::State& state, const MatMul* function, Format format, std::size_t panel_count,
            std::size_t columns, std::size_t rows) {
  Noise noise;
  const auto in_order = quantized(noise, format, panel_count * kPanelRows, columns);
  std::vector<std::byte> panels(panel_bytes(format, panel_count * kPanelRows, columns));
  pack_panels(format, in_order.data(), panel_count * kPanelRows, columns, panels.data());
  const auto floats = noise.floats(rows * columns);
  std::vector<std::int8_t> values(floats.size());
  std::vector<float> scales(floats.size() / kActivationBlock);
  std::vector<std::int32_t> sums(scales.size());
  const Q8Row row{values.data(), scales.data(), sums.data(), 1};
  quantize_variants().back().function(floats.data(), floats.size(), info(format).joined, &row, 1);
  std::vector<float> out(rows * panel_count * kPanelRows);
  const Q8Activations in{values.data(), scales.data(), sums.data(), rows, columns};
  for (auto _ : state) {
    function->for_rows(rows)(panels.data(), panel_count, in, out.data(), panel_count * kPanelRows);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  report(state, panels.size(), 2.0 * static_cast<double>(rows * panel_count * kPanelRows * columns));
}

void matmul_float(benchmark::State& state, MatMulFloat function, Format format, std::size_t rows) {
  constexpr std::size_t kRows = 2048;
  constexpr std::size_t kColumns = 1536;
  Noise noise;
  const auto weights = quantized(noise, format, kRows, kColumns);
  const auto in = noise.floats(rows * kColumns);
  std::vector<float> out(rows * kRows);
  for (auto _ : state) {
    function({weights.data(), kRows, kColumns}, {in.data(), rows, kColumns}, out.data(), kRows);
    benchmark::ClobberMemory();
  }
  report(state, weights.size(), 2.0 * static_cast<double>(rows * kRows * kColumns));
}

void attention(benchmark::State& state, const Attention* function, std::size_t heads, std::size_t width) {
  Noise noise;
  std::vector<std::uint16_t> keys(kPagePositions * width, 0x3555);
  const auto queries = noise.floats(heads * width);
  std::vector<float> maximum(heads);
  std::vector<float> sum(heads);
  std::vector<float> out(heads * width);
  const AttentionPage page{
      queries.data(), queries.size(), keys.data(), width, keys.data(), width, kPagePositions, kPagePositions, 1,
      heads,          width,          width,       0.1F};
  for (auto _ : state) {
    function->page(page, {maximum.data(), sum.data(), out.data(), out.size()});
    benchmark::ClobberMemory();
  }
  report(state, 2 * keys.size() * sizeof(std::uint16_t), 4.0 * static_cast<double>(heads * kPagePositions * width));
}

constexpr std::size_t kRowWidth = 4864;  // An MLP's width in a model of 0.5 billion weights.

void quantize(benchmark::State& state, Quantize function) {
  Noise noise;
  const auto in = noise.floats(kRowWidth);
  std::vector<std::int8_t> values(kRowWidth);
  std::vector<float> scales(kRowWidth / kActivationBlock);
  std::vector<std::int32_t> sums(scales.size());
  const Q8Row row{values.data(), scales.data(), sums.data(), 1};
  for (auto _ : state) {
    function(in.data(), kRowWidth, 1, &row, 1);
    benchmark::ClobberMemory();
  }
  report(state, kRowWidth * sizeof(float), 0.0);
}

void rms_norm(benchmark::State& state, RmsNorm function) {
  Noise noise;
  const auto in = noise.floats(kRowWidth);
  std::vector<float> out(kRowWidth);
  for (auto _ : state) {
    function(in.data(), in.data(), 1e-6F, kRowWidth, out.data());
    benchmark::ClobberMemory();
  }
  report(state, kRowWidth * sizeof(float), 0.0);
}

void silu_multiply(benchmark::State& state, const Elementwise* function) {
  Noise noise;
  const auto in = noise.floats(kRowWidth);
  std::vector<float> out(kRowWidth);
  for (auto _ : state) {
    function->silu_multiply(in.data(), in.data(), out.data(), kRowWidth);
    benchmark::ClobberMemory();
  }
  report(state, kRowWidth * sizeof(float), 0.0);
}

// Registers `run(state, function, arguments…)` for every variant of a table that the processor has.
template <class Function, class Run>
void for_each_variant(const std::string& name, Variants<Function> variants, Run run) {
  const linnet::CpuFeatures cpu = linnet::hal::detect_cpu_features();
  for (const auto& variant : variants) {
    if (!cpu.covers(variant.needs)) continue;
    benchmark::RegisterBenchmark((name + "/" + std::string(variant.name)).c_str(),
                                 [run, function = variant.function](benchmark::State& state) { run(state, function); });
  }
}

void register_products() {
  for (const Format format : all_formats()) {
    if (info(format).panel_block_bytes == 0) continue;
    for (const std::size_t rows : {1U, 2U, 4U, 8U, 64U}) {
      // 1 row: 64 MB and more of panels, so that they come from memory; else 560 panels, an MLP of 1.5 billion weights.
      const std::size_t panel_count = rows == 1 ? 4096 : 560;
      for_each_variant("matmul/" + std::string(info(format).name) + "/rows:" + std::to_string(rows),
                       matmul_variants(format), [=](benchmark::State& state, const MatMul* function) {
                         matmul(state, function, format, panel_count, 1536, rows);
                       });
    }
  }
  for (const Format format : {Format::kF32, Format::kF16, Format::kBF16}) {
    for (const std::size_t rows : {1U, 16U}) {
      for_each_variant("matmul_float/" + std::string(info(format).name) + "/rows:" + std::to_string(rows),
                       matmul_float_variants(format), [=](benchmark::State& state, MatMulFloat function) {
                         matmul_float(state, function, format, rows);
                       });
    }
  }
}

void register_rows() {
  for (const std::size_t heads : {1U, 6U}) {
    for (const std::size_t width : {64U, 128U}) {
      for_each_variant(
          "attention/heads:" + std::to_string(heads) + "/width:" + std::to_string(width), attention_variants(),
          [=](benchmark::State& state, const Attention* function) { attention(state, function, heads, width); });
    }
  }
  for_each_variant("quantize", quantize_variants(), quantize);
  for_each_variant("norm", rms_norm_variants(), rms_norm);
  for_each_variant("silu_multiply", elementwise_variants(), silu_multiply);
}

}  // namespace

int main(int argc, char** argv) {
  register_products();
  register_rows();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
