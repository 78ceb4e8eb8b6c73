// What the benchmarks of kernels share: shapes of models, the matrices of their layers, limits, and the table of
// figures.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/cuda/gpu.h"
#include "kernels/cuda/launch.h"

namespace linnet::bench {

using kernels::Format;

struct Shape {
  const char* name;
  std::uint32_t hidden, heads, kv_heads, head, inner, layers, vocabulary;
};
inline constexpr Shape kShapes[] = {{"0.5B", 896, 14, 2, 64, 4864, 24, 151936},
                                    {"1.5B", 1536, 12, 2, 128, 8960, 28, 151936},
                                    {"7B", 3584, 28, 4, 128, 18944, 28, 152064}};

struct FormatName {
  Format format;
  const char* name;
};

struct Limits {
  double copy;  // Bytes read and written a second.
  double read;
  double f16;  // Operations (a product and a sum are two).
  double int8;
};

// A line of the table, and of the JSON.
void report(const std::string& what, double milliseconds, double rate, const char* unit, double fraction);

// The state of one layer, with `page` numbers a page of 256 positions.
inline kernels::cuda::KvPlace place_of(const Shape& s, std::byte* numbers, std::uint64_t page) {
  return {reinterpret_cast<std::uint16_t*>(numbers), page, s.head, s.head, s.kv_heads * 256 * s.head, 0, 0};
}

// One matrix or several of one input, in `copies` places so that no cache holds them.
struct Matrices {
  std::uint32_t columns;
  std::vector<std::uint32_t> rows;
  Format format;
  std::vector<std::vector<std::byte*>> weights;  // [copies][rows.size()]
  float* out;

  [[nodiscard]] std::size_t bytes() const {
    std::size_t bytes = 0;
    for (const std::uint32_t r : rows) bytes += kernels::panel_bytes(format, r, columns);
    return bytes;
  }
  template <class Parameters>
  void fill(Parameters& p, std::size_t copy) const {
    p.columns = columns;
    p.projection_count = static_cast<std::uint32_t>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      p.projections[i] = {weights[copy][i], nullptr, out, rows[i], rows[i], 0};
    }
  }
};

inline Matrices make(Gpu& gpu, Format format, std::uint32_t columns, std::vector<std::uint32_t> rows,
                     std::size_t copies,
                     float* out) {  // NOLINT(readability-non-const-parameter): kernels write there
  Matrices made{columns, std::move(rows), format, {}, out};
  for (std::size_t c = 0; c < copies; ++c) {
    made.weights.emplace_back();
    for (const std::uint32_t r : made.rows)
      made.weights.back().push_back(gpu.allocate(kernels::panel_bytes(format, r, columns)));
  }
  return made;
}
inline void release(Gpu& gpu, Matrices& matrices) {
  for (auto& copy : matrices.weights) {
    for (std::byte* const weight : copy) gpu.release(weight);
  }
}

// All products of a layer, with names.
using Layer = std::vector<std::pair<const char*, Matrices>>;
inline Layer layer_of(Gpu& gpu, const Shape& s, Format format, std::size_t copies, float* out) {
  const std::uint32_t q = s.heads * s.head;
  const std::uint32_t kv = s.kv_heads * s.head;
  return {{"qkv", make(gpu, format, s.hidden, {q, kv, kv}, copies, out)},
          {"o", make(gpu, format, q, {s.hidden}, copies, out)},
          {"gate+up", make(gpu, format, s.hidden, {s.inner, s.inner}, copies, out)},
          {"down", make(gpu, format, s.inner, {s.hidden}, copies, out)}};
}

// The products of a layer with one to eight rows and, where `wide`, of a prompt.
void measure_products(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format, bool wide);
// A token of a model as one graph; with Q4_0 also each kernel between the products.
void measure_decode(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format);

}  // namespace linnet::bench
