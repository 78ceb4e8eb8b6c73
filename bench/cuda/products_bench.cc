#include <array>

#include "bench/cuda/parts.h"

namespace linnet::bench {

using namespace kernels::cuda;  // NOLINT(google-build-using-namespace): nearly every name of launch.h

namespace {

// One row, then few, of int8 activations: what counts is the weights' bytes.
void measure_few_rows(Gpu& gpu, const Limits& limits, const std::string& title, Layer& layer, const Q8Rows& in) {
  for (const std::uint32_t rows : {1U, 2U, 4U, 8U}) {
    double all = 0;
    std::size_t bytes = 0;
    for (auto& [part_name, part] : layer) {
      const char* const name = part_name;
      Matrices& matrices = part;
      const std::size_t copies = matrices.weights.size();
      const double milliseconds = gpu.milliseconds([&] {
        for (std::size_t c = 0; c < copies; ++c) {
          MatVecParameters p{};
          p.in = in;
          p.rows = rows;
          matrices.fill(p, c);
          gpu.launch(matvec_kernel(matrices.format, rows), p);
        }
      }) / static_cast<double>(copies);
      all += milliseconds;
      bytes += matrices.bytes();
      const double rate = static_cast<double>(matrices.bytes()) / milliseconds * 1e3;
      if (rows == 1) report(title + " matvec " + name, milliseconds, rate / 1e9, "GB/s", rate / limits.copy);
    }
    const double rate = static_cast<double>(bytes) / all * 1e3;
    report(title + " matvec layer, rows " + std::to_string(rows), all, rate / 1e9, "GB/s", rate / limits.copy);
  }
}

// Many rows: `start(matrices, rows)` starts the product of one part. Of `limit` operations a second.
template <class Start>
void measure_many_rows(Gpu& gpu, double limit, const std::string& title, Layer& layer, Start start) {
  for (const std::uint32_t rows : {128U, 512U, 2048U}) {
    double all = 0;
    double operations = 0;
    for (auto& [part_name, part] : layer) {
      const Matrices& matrices = part;
      const double milliseconds = gpu.milliseconds([&] { start(matrices, rows); }, 5);
      double own = 0;
      for (const std::uint32_t r : matrices.rows) own += 2.0 * r * matrices.columns * rows;
      all += milliseconds;
      operations += own;
      if (rows != 2048) continue;
      report(title + " " + part_name, milliseconds, own / milliseconds / 1e9, "Top/s",
             own / milliseconds * 1e3 / limit);
    }
    report(title + " layer, rows " + std::to_string(rows), all, operations / all / 1e9, "Top/s",
           operations / all * 1e3 / limit);
  }
}

}  // namespace

void measure_products(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format, bool wide) {
  constexpr std::size_t kMost = 2048;
  auto* const out = reinterpret_cast<float*>(gpu.allocate(kMost * s.inner * 4));
  auto* const values = reinterpret_cast<std::int8_t*>(gpu.allocate(kMost * s.inner));
  auto* const scales = gpu.upload(std::vector<float>(kMost * s.inner / 32, 0.01F));
  auto* const halves = reinterpret_cast<std::uint16_t*>(gpu.allocate(kMost * s.inner * 2));
  auto* const row_scales = gpu.upload(std::vector<float>(kMost, 1.0F));
  auto layer = layer_of(gpu, s, format.format, s.hidden > 3000 ? 4 : 12, out);
  const std::string title = std::string(s.name) + " " + format.name;
  const Q8Rows quantised{values, scales};
  measure_few_rows(gpu, limits, title, layer, quantised);
  if (wide) {
    measure_many_rows(gpu, limits.int8, title + " gemm int8", layer, [&](const Matrices& matrices, std::uint32_t rows) {
      PanelGemmParameters p{};
      p.in = quantised;
      p.rows = rows;
      matrices.fill(p, 0);
      gpu.launch(gemm_int8_kernel(format.format), p);
    });
    measure_many_rows(gpu, limits.f16, title + " gemm f16", layer, [&](const Matrices& matrices, std::uint32_t rows) {
      GemmParameters p{};
      p.in = halves;
      p.in_scales = row_scales;
      p.rows = rows;
      matrices.fill(p, 0);
      gpu.launch(gemm_kernel(format.format), p);
    });
  }
  for (auto& [name, matrices] : layer) release(gpu, matrices);
  for (void* const memory : std::array<void*, 5>{out, values, scales, halves, row_scales})
    gpu.release(static_cast<std::byte*>(memory));
}

}  // namespace linnet::bench
