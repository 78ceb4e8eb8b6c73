// Kernels on a card against what the card can do: copying, and the tensor instruction that they use.
//
//   cuda_bench KERNELS_FOLDER LIMITS_FATBIN [OUT.json]
#include <array>
#include <cstring>
#include <functional>

#include "bench/cuda/gpu.h"

namespace linnet::bench {
namespace {

using namespace kernels::cuda;  // NOLINT(google-build-using-namespace): nearly every name of launch.h
using kernels::Format;

struct Shape {
  const char* name;
  std::uint32_t hidden, heads, kv_heads, head, inner, layers, vocabulary;
};

KvPlace place_of(const Shape& s, std::byte* numbers, std::uint64_t page) {
  return {reinterpret_cast<std::uint16_t*>(numbers), page, s.head, s.head, s.kv_heads * 256 * s.head, 0, 0};
}
constexpr Shape kShapes[] = {{"0.5B", 896, 14, 2, 64, 4864, 24, 151936},
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

std::string json;
void report(const std::string& what, double milliseconds, double rate, const char* unit, double fraction) {
  std::printf("%-42s %9.4f ms %9.1f %-6s %5.1f %%\n", what.c_str(), milliseconds, rate, unit, 100 * fraction);
  char line[256];
  std::snprintf(line, sizeof line, R"(%s{"what": "%s", "ms": %.5f, "rate": %.2f, "unit": "%s", "fraction": %.4f})",
                json.empty() ? "" : ",\n", what.c_str(), milliseconds, rate, unit, fraction);
  json += line;
}

Limits measure_limits(Gpu& gpu) {
  struct Parameters {
    const std::byte* from;
    std::byte* to;
    unsigned long long pieces;
    unsigned threads;
    unsigned repeats;
  };
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const unsigned blocks = static_cast<unsigned>(gpu.facts().multiprocessors) * 8;
  Parameters p{gpu.allocate(kBytes), gpu.allocate(kBytes), kBytes / 16, blocks * 256, 4096};
  const auto time = [&](const char* name) {
    return gpu.milliseconds([&] { gpu.launch_limit(name, blocks, &p); }) / 1e3;
  };
  Limits limits{};
  limits.copy = 2 * kBytes / time("linnet_limit_copy");
  limits.read = kBytes / time("linnet_limit_read");
  const double products = double{8} * blocks * p.repeats * 8;  // Warps, each eight a repeat.
  limits.f16 = products * 2 * 16 * 8 * 16 / time("linnet_limit_f16");
  limits.int8 = products * 2 * 16 * 8 * 32 / time("linnet_limit_int8");
  gpu.release(const_cast<std::byte*>(p.from));
  gpu.release(p.to);
  report("limit: copy", kBytes * 2 / limits.copy * 1e3, limits.copy / 1e9, "GB/s", 1);
  report("limit: read", kBytes / limits.read * 1e3, limits.read / 1e9, "GB/s", limits.read / limits.copy);
  report("limit: mma f16", 0, limits.f16 / 1e12, "TFLOPS", 1);
  report("limit: mma int8", 0, limits.int8 / 1e12, "TOPS", 1);
  return limits;
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

Matrices make(Gpu& gpu, Format format, std::uint32_t columns, std::vector<std::uint32_t> rows, std::size_t copies,
              float* out) {  // NOLINT(readability-non-const-parameter): kernels write there
  Matrices made{columns, std::move(rows), format, {}, out};
  for (std::size_t c = 0; c < copies; ++c) {
    made.weights.emplace_back();
    for (const std::uint32_t r : made.rows)
      made.weights.back().push_back(gpu.allocate(kernels::panel_bytes(format, r, columns)));
  }
  return made;
}
void release(Gpu& gpu, Matrices& matrices) {
  for (auto& copy : matrices.weights) {
    for (std::byte* const weight : copy) gpu.release(weight);
  }
}

// All products of a layer.
std::vector<std::pair<const char*, Matrices>> layer_of(Gpu& gpu, const Shape& s, Format format, std::size_t copies,
                                                       float* out) {
  const std::uint32_t q = s.heads * s.head;
  const std::uint32_t kv = s.kv_heads * s.head;
  return {{"qkv", make(gpu, format, s.hidden, {q, kv, kv}, copies, out)},
          {"o", make(gpu, format, q, {s.hidden}, copies, out)},
          {"gate+up", make(gpu, format, s.hidden, {s.inner, s.inner}, copies, out)},
          {"down", make(gpu, format, s.inner, {s.hidden}, copies, out)}};
}

void measure_products(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format, bool wide) {
  auto* const out = reinterpret_cast<float*>(gpu.allocate(std::size_t{2048} * s.inner * 4));
  auto* const values = reinterpret_cast<std::int8_t*>(gpu.allocate(std::size_t{8} * s.inner));
  auto* const scales = gpu.upload(std::vector<float>(std::size_t{8} * s.inner / 32, 0.01F));
  auto* const halves = reinterpret_cast<std::uint16_t*>(gpu.allocate(std::size_t{2048} * s.inner * 2));
  auto* const row_scales = gpu.upload(std::vector<float>(2048, 1.0F));
  const std::size_t copies = s.hidden > 3000 ? 4 : 12;
  auto layer = layer_of(gpu, s, format.format, copies, out);
  for (const std::uint32_t rows : {1U, 2U, 4U, 8U}) {
    double all = 0;
    std::size_t bytes = 0;
    for (auto& [part_name, part] : layer) {
      const char* const name = part_name;
      Matrices& matrices = part;
      const double milliseconds = gpu.milliseconds([&] {
        for (std::size_t c = 0; c < copies; ++c) {
          MatVecParameters p{};
          p.in = {values, scales};
          p.rows = rows;
          matrices.fill(p, c);
          gpu.launch(matvec_kernel(format.format, rows), p);
        }
      }) / static_cast<double>(copies);
      all += milliseconds;
      bytes += matrices.bytes();
      const double rate = static_cast<double>(matrices.bytes()) / milliseconds * 1e3;
      if (rows == 1)
        report(std::string(s.name) + " " + format.name + " matvec " + name, milliseconds, rate / 1e9, "GB/s",
               rate / limits.copy);
    }
    const double rate = static_cast<double>(bytes) / all * 1e3;
    report(std::string(s.name) + " " + format.name + " matvec layer, rows " + std::to_string(rows), all, rate / 1e9,
           "GB/s", rate / limits.copy);
  }
  if (wide) {
    for (const std::uint32_t rows : {128U, 512U, 2048U}) {
      double all = 0;
      double operations = 0;
      for (auto& [part_name, part] : layer) {
        const char* const name = part_name;
        Matrices& matrices = part;
        GemmParameters p{};
        p.in = halves;
        p.in_scales = row_scales;
        p.rows = rows;
        matrices.fill(p, 0);
        const double milliseconds = gpu.milliseconds([&] { gpu.launch(gemm_kernel(format.format), p); }, 5);
        double own = 0;
        for (const std::uint32_t r : matrices.rows) own += 2.0 * r * matrices.columns * rows;
        all += milliseconds;
        operations += own;
        if (rows == 2048)
          report(std::string(s.name) + " " + format.name + " gemm " + name, milliseconds, own / milliseconds / 1e9,
                 "TFLOPS", own / milliseconds * 1e3 / limits.f16);
      }
      report(std::string(s.name) + " " + format.name + " gemm layer, rows " + std::to_string(rows), all,
             operations / all / 1e9, "TFLOPS", operations / all * 1e3 / limits.f16);
    }
  }
  for (auto& [name, matrices] : layer) release(gpu, matrices);
  for (void* const memory : std::array<void*, 5>{out, values, scales, halves, row_scales})
    gpu.release(static_cast<std::byte*>(memory));
}

// All that a layer of decoding launches, and that many layers with weights of their own.
class Decode {
 public:
  Decode(Gpu& gpu, const Shape& s, Format format, std::uint32_t position) : gpu_(gpu), s_(s), format_(format) {
    const std::size_t width = std::max({s.hidden, s.inner, s.vocabulary});
    const auto floats = [&] { return reinterpret_cast<float*>(gpu.allocate(width * 4)); };
    hidden_ = floats(), normed_ = floats(), query_ = floats(), key_ = floats(), value_ = floats(), mixed_ = floats();
    gate_ = floats(), up_ = floats();
    weight_ = gpu.upload(std::vector<float>(width, 1.0F));
    quantised_ = {reinterpret_cast<std::int8_t*>(gpu.allocate(width)),
                  reinterpret_cast<float*>(gpu.allocate(width / 8))};
    const std::uint32_t pages = position / 256 + 1;
    std::vector<std::uint32_t> table(pages);
    for (std::uint32_t i = 0; i < pages; ++i) table[i] = i;
    step_ = {gpu.upload(std::vector<std::int32_t>{0}),
             gpu.upload(std::vector<std::uint32_t>{position}),
             gpu.upload(std::vector<std::uint32_t>{0}),
             gpu.upload(std::vector<std::uint32_t>{position + 1}),
             gpu.upload(table),
             pages};
    parts_ = attend_part_count(4096, s.kv_heads);
    maxima_ = gpu.upload(std::vector<float>(std::size_t{s.heads} * parts_));
    sums_ = gpu.upload(std::vector<float>(std::size_t{s.heads} * parts_));
    part_out_ = gpu.upload(std::vector<float>(std::size_t{s.heads} * parts_ * s.head));
    for (std::uint32_t i = 0; i < s.layers; ++i) layers_.push_back(layer_of(gpu, s, format, 1, nullptr));
    output_ = make(gpu, format, s.hidden, {s.vocabulary}, 1, up_);
    const std::uint64_t page = std::uint64_t{2} * s.kv_heads * 256 * s.head;
    for (std::uint32_t i = 0; i < s.layers; ++i) {
      places_.push_back(place_of(s, gpu.allocate(page * pages * 2), page));
    }
  }

  [[nodiscard]] std::size_t bytes() const {
    std::size_t bytes = output_.bytes();
    for (const auto& layer : layers_) {
      for (const auto& [name, matrices] : layer) bytes += matrices.bytes();
    }
    return bytes;
  }

  [[nodiscard]] std::vector<std::pair<const char*, std::function<void()>>> small_kernels() {
    return {{"rms_norm", [this] { norm(); }},      {"rotate", [this] { rotate(); }},
            {"kv_store", [this] { store(0); }},    {"attend_parts", [this] { attend(0); }},
            {"attend_merge", [this] { merge(); }}, {"silu_multiply", [this] { silu(); }}};
  }

  void record() {
    for (std::uint32_t i = 0; i < s_.layers; ++i) layer(i);
    norm();
    product(output_, {up_}, false);
  }

 private:
  void norm() {
    gpu_.launch(Kernel::kRmsNorm, RmsNormParameters{hidden_, weight_, normed_, quantised_, s_.hidden, s_.hidden, 1, 1,
                                                    s_.hidden, s_.hidden, 1e-6F});
  }
  void product(const Matrices& matrices, std::vector<float*> outs, bool accumulate) {
    MatVecParameters p{};
    p.in = quantised_;
    p.rows = 1;
    matrices.fill(p, 0);
    for (std::size_t i = 0; i < outs.size(); ++i) {
      p.projections[i].out = outs[i];
      p.projections[i].accumulate = accumulate ? 1 : 0;
    }
    gpu_.launch(matvec_kernel(format_, 1), p);
  }
  void rotate() {
    const std::uint32_t q = s_.heads * s_.head;
    const std::uint32_t kv = s_.kv_heads * s_.head;
    gpu_.launch(Kernel::kRotate,
                RotateParameters{weight_,
                                 weight_,
                                 {{query_, q, s_.heads, s_.head, 0}, {key_, kv, s_.kv_heads, s_.head, 0}},
                                 2,
                                 1,
                                 s_.head / 2,
                                 0});
  }
  void store(std::uint32_t i) {
    const std::uint32_t kv = s_.kv_heads * s_.head;
    gpu_.launch(kv_store_kernel(places_[i]),
                KvStoreParameters{step_, places_[i], key_, value_, kv, kv, 1, s_.kv_heads, s_.head, s_.head});
  }
  void attend(std::uint32_t i) {
    const AttendShape shape{query_, s_.heads * s_.head, s_.heads, s_.kv_heads, s_.head, s_.head, 0.1F, 0};
    gpu_.launch(attend_parts_kernel(places_[i]),
                AttendPartsParameters{step_, places_[i], shape, maxima_, sums_, part_out_, 1, parts_});
  }
  void merge() {
    gpu_.launch(Kernel::kAttendMerge, AttendMergeParameters{step_, maxima_, sums_, part_out_, mixed_, quantised_,
                                                            s_.heads * s_.head, 1, parts_, s_.heads, s_.head, 0});
  }
  void silu() {
    gpu_.launch(Kernel::kSiluMultiply,
                SiluMultiplyParameters{gate_, up_, gate_, quantised_, s_.inner, s_.inner, s_.inner, 1, s_.inner});
  }
  void layer(std::uint32_t i) {
    norm();
    product(layers_[i][0].second, {query_, key_, value_}, false);
    rotate();
    store(i);
    attend(i);
    merge();
    product(layers_[i][1].second, {hidden_}, true);
    norm();
    product(layers_[i][2].second, {gate_, up_}, false);
    silu();
    product(layers_[i][3].second, {hidden_}, true);
  }

  Gpu& gpu_;
  const Shape& s_;
  Format format_;
  float *hidden_, *normed_, *query_, *key_, *value_, *mixed_, *gate_, *up_, *weight_;
  Q8Rows quantised_;
  StepRows step_;
  std::uint32_t parts_;
  float *maxima_, *sums_, *part_out_;
  std::vector<std::vector<std::pair<const char*, Matrices>>> layers_;
  Matrices output_;
  std::vector<KvPlace> places_;
};

// Each kernel between the products, 50 times in a row: most of it is the start of a kernel.
void measure_small(Gpu& gpu, const Shape& s, Decode& decode) {
  constexpr int kTimes = 50;
  for (const auto& kernel : decode.small_kernels()) {
    const double milliseconds = gpu.milliseconds([&] {
      for (int i = 0; i < kTimes; ++i) kernel.second();
    });
    report(std::string(s.name) + " decode, " + kernel.first, milliseconds / kTimes, 0, "", 0);
  }
}

void measure_decode(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format) {
  Decode decode(gpu, s, format.format, 500);
  const double milliseconds = gpu.milliseconds([&] { decode.record(); });
  const double rate = static_cast<double>(decode.bytes()) / milliseconds * 1e3;
  report(std::string(s.name) + " " + format.name + " decode, whole graph", milliseconds, rate / 1e9, "GB/s",
         rate / limits.copy);
  if (format.format == Format::kQ4_0) measure_small(gpu, s, decode);
}

void measure_attention(Gpu& gpu, const Limits& limits, const Shape& s) {
  constexpr std::uint32_t kRows = 2048;
  const std::uint64_t page = std::uint64_t{2} * s.kv_heads * 256 * s.head;
  const KvPlace place = place_of(s, gpu.allocate(page * 8 * 2), page);
  std::vector<std::uint32_t> positions(kRows), sees(kRows), table(8);
  for (std::uint32_t i = 0; i < kRows; ++i) positions[i] = i, sees[i] = i + 1;
  for (std::uint32_t i = 0; i < 8; ++i) table[i] = i;
  const StepRows step{nullptr,          gpu.upload(positions), gpu.upload(std::vector<std::uint32_t>(kRows)),
                      gpu.upload(sees), gpu.upload(table),     8};
  const std::uint32_t q = s.heads * s.head;
  const AttendShape shape{reinterpret_cast<float*>(gpu.upload(std::vector<float>(std::size_t{kRows} * q, 0.1F))),
                          q,
                          s.heads,
                          s.kv_heads,
                          s.head,
                          s.head,
                          0.1F,
                          0};
  std::vector<AttendTile> tiles;
  const std::uint32_t most = attend_tile_rows(shape);
  for (std::uint32_t first = 0; first < kRows; first += most) tiles.push_back({first, std::min(most, kRows - first)});
  auto* const out = reinterpret_cast<float*>(gpu.allocate(std::size_t{kRows} * q * 4));
  const AttendTilesParameters p{
      step, place, shape, gpu.upload(tiles), out, q, static_cast<std::uint32_t>(tiles.size())};
  const double milliseconds = gpu.milliseconds([&] { gpu.launch(attend_tiles_kernel(place, shape), p); }, 5);
  const double operations = 4.0 * s.heads * s.head * (double{kRows} * (kRows + 1) / 2);
  report(std::string(s.name) + " attention of 2048 rows", milliseconds, operations / milliseconds / 1e9, "TFLOPS",
         operations / milliseconds * 1e3 / limits.f16);
}

void run(int argc, char** argv) {
  Gpu gpu(argv[1], argv[2]);
  std::printf("%s\n", to_string(gpu.facts()).c_str());
  const Limits limits = measure_limits(gpu);
  constexpr FormatName kQ4{Format::kQ4_0, "Q4_0"};
  constexpr FormatName kQ8{Format::kQ8_0, "Q8_0"};
  for (const Shape& shape : kShapes) {
    measure_products(gpu, limits, shape, kQ4, true);
    measure_products(gpu, limits, shape, kQ8, &shape == &kShapes[2]);
    measure_decode(gpu, limits, shape, kQ4);
    measure_attention(gpu, limits, shape);
  }
  measure_decode(gpu, limits, kShapes[2], kQ8);
  for (const FormatName& format :
       {FormatName{Format::kQ4_K, "Q4_K"}, {Format::kQ6_K, "Q6_K"}, {Format::kQ4_128, "Q4_128"}}) {
    measure_products(gpu, limits, kShapes[2], format, true);
  }
  if (argc > 3) {
    std::FILE* const file = std::fopen(argv[3], "w");
    if (file == nullptr) std::exit(5);
    std::fprintf(file, "[\n%s\n]\n", json.c_str());
    std::fclose(file);
  }
}

}  // namespace
}  // namespace linnet::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "cuda_bench KERNELS_FOLDER LIMITS_FATBIN [OUT.json]\n");
    return 2;
  }
  linnet::bench::run(argc, argv);
}
