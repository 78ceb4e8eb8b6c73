#include <functional>

#include "bench/cuda/parts.h"

namespace linnet::bench {

using namespace kernels::cuda;  // NOLINT(google-build-using-namespace): nearly every name of launch.h

namespace {

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

}  // namespace

void measure_decode(Gpu& gpu, const Limits& limits, const Shape& s, const FormatName& format) {
  Decode decode(gpu, s, format.format, 500);
  const std::string title = std::string(s.name) + " " + format.name + " decode, whole graph";
  for (const bool early : {false, true}) {
    if (!gpu.start_early(early)) continue;
    const double milliseconds = gpu.milliseconds([&] { decode.record(); });
    const double rate = static_cast<double>(decode.bytes()) / milliseconds * 1e3;
    report(title + (early ? ", early starts" : ""), milliseconds, rate / 1e9, "GB/s", rate / limits.copy);
  }
  (void)gpu.start_early(false);
  if (format.format == Format::kQ4_0) measure_small(gpu, s, decode);
}

}  // namespace linnet::bench
