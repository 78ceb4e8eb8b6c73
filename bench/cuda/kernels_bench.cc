// Kernels on a card against what the card can do: copying, and the tensor instruction that they use.
//
//   cuda_bench KERNELS_FOLDER LIMITS_FATBIN [OUT.json]
#include <cstring>

#include "bench/cuda/parts.h"

namespace linnet::bench {

using namespace kernels::cuda;  // NOLINT(google-build-using-namespace): nearly every name of launch.h

namespace {

std::string json;

}  // namespace

void report(const std::string& what, double milliseconds, double rate, const char* unit, double fraction) {
  std::printf("%-42s %9.4f ms %9.1f %-6s %5.1f %%\n", what.c_str(), milliseconds, rate, unit, 100 * fraction);
  char line[256];
  std::snprintf(line, sizeof line, R"(%s{"what": "%s", "ms": %.5f, "rate": %.2f, "unit": "%s", "fraction": %.4f})",
                json.empty() ? "" : ",\n", what.c_str(), milliseconds, rate, unit, fraction);
  json += line;
}

namespace {

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
