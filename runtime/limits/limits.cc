#include "runtime/limits/limits.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "kernels/formats/format.h"
#include "kernels/limits/limits.h"
#include "kernels/matmul/matmul.h"
#include "runtime/base/arena.h"
#include "runtime/base/clock.h"
#include "runtime/engine/thread_pool.h"

namespace linnet::limits {
namespace {

using engine::ThreadPool;

constexpr std::size_t kPiece = std::size_t{1} << 20;  // Of memory a thread reads at a time.
constexpr std::size_t kColumns = 2048;                // Of the weights that are streamed.
constexpr std::size_t kPanelsAPiece = 4;
constexpr std::size_t kRounds = 200'000;  // Of int8 multiplication a thread: 40 ms at 2.5 GHz without dot products.
constexpr std::size_t kBarriers = 1000;

double seconds_since(Clock::time_point start) { return milliseconds_between(start, Clock::now()) / 1e3; }

// The activations that every row of weights meets: their values do not matter.
struct Activations {
  std::array<std::int8_t, kColumns> values{};
  std::array<float, kColumns / kernels::kActivationBlock> scales{};
  std::array<std::int32_t, kColumns / kernels::kActivationBlock> sums{};

  Activations() {
    values.fill(3);
    scales.fill(0.5F);
    sums.fill(3 * static_cast<std::int32_t>(kernels::kActivationBlock));
  }
  [[nodiscard]] kernels::Q8Activations view(bool ahead) const {
    return {values.data(), scales.data(), sums.data(), 1, kColumns, ahead};
  }
};

class Measurement {
 public:
  Measurement(const kernels::Limits& kernels, std::span<std::byte> memory) : kernels_(kernels), memory_(memory) {
    operands_.a.fill(5);
    operands_.b.fill(7);
  }

  [[nodiscard]] double read_gb_s(ThreadPool& pool) {
    const auto start = Clock::now();
    pool.run(memory_.size() / kPiece, [&](std::size_t piece, std::size_t worker) {
      const auto* words = reinterpret_cast<const std::uint64_t*>(memory_.data() + piece * kPiece);
      sums_[worker] += kernels_.read(words, kPiece / sizeof(std::uint64_t));
    });
    return static_cast<double>(memory_.size()) / seconds_since(start) / 1e9;
  }

  [[nodiscard]] double int8_gop_s(ThreadPool& pool) {
    const std::size_t jobs = 4 * pool.threads();
    const auto start = Clock::now();
    pool.run(jobs, [&](std::size_t, std::size_t worker) {
      sums_[worker] += static_cast<std::uint64_t>(kernels_.multiply(operands_.a.data(), operands_.b.data(), kRounds));
    });
    const auto operations = static_cast<double>(2 * kernels_.multiply_adds() * kRounds * jobs);
    return operations / seconds_since(start) / 1e9;
  }

  // The faster of both ways to ask for weights, as decoding finds it out too.
  [[nodiscard]] double weights_gb_s(ThreadPool& pool, const kernels::MatMul& matmul, std::size_t block_bytes) {
    return std::max(weights_gb_s(pool, matmul, block_bytes, false), weights_gb_s(pool, matmul, block_bytes, true));
  }
  [[nodiscard]] double weights_gb_s(ThreadPool& pool, const kernels::MatMul& matmul, std::size_t block_bytes,
                                    bool ahead) {
    const std::size_t piece = kPanelsAPiece * block_bytes * (kColumns / kernels::kActivationBlock);
    const std::size_t pieces = memory_.size() / piece;
    const auto start = Clock::now();
    pool.run(pieces, [&](std::size_t index, std::size_t worker) {
      matmul.one_row(memory_.data() + index * piece, kPanelsAPiece, activations_.view(ahead), outputs_[worker].data(),
                     outputs_[worker].size());
    });
    return static_cast<double>(piece * pieces) / seconds_since(start) / 1e9;
  }

  [[nodiscard]] static double barrier_us(ThreadPool& pool) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < kBarriers; ++i) pool.run(pool.threads(), [](std::size_t, std::size_t) {});
    return seconds_since(start) * 1e6 / kBarriers;
  }

 private:
  struct alignas(64) Operands {
    std::array<std::uint8_t, kernels::kMultiplyOperands> a;
    std::array<std::int8_t, kernels::kMultiplyOperands> b;
  };

  const kernels::Limits& kernels_;
  std::span<std::byte> memory_;
  Operands operands_{};
  Activations activations_;
  std::array<std::array<float, 16 * kPanelsAPiece>, ThreadPool::kMaxThreads> outputs_{};
  std::array<std::uint64_t, ThreadPool::kMaxThreads> sums_{};  // Kept, so that nothing that was read is left out.
};

// 1, 2, 4, … and all.
std::vector<std::size_t> thread_counts(std::size_t all) {
  std::vector<std::size_t> counts;
  for (std::size_t count = 1; count < all; count *= 2) counts.push_back(count);
  counts.push_back(all);
  return counts;
}

// Pages of their own, filled with numbers whose products are ordinary. Huge ones where the kernel gives them: with
// small ones that lie anywhere, looking addresses up bounds the reading (27 instead of 33 GB/s on one machine), which
// it does not in a mapped model, whose pages the kernel keeps in large pieces.
Result<Arena> fill_memory(Bytes size, std::span<std::byte>& memory) {
  LINNET_TRY(Arena arena, Arena::create(size));
  memory = arena.take<std::byte>(static_cast<std::size_t>(size.count));
  madvise(memory.data(), memory.size(), MADV_HUGEPAGE);
  std::memset(memory.data(), 0x31, memory.size());
  return arena;
}

struct Kernels {
  const kernels::Limits* limits = nullptr;
  const kernels::MatMul* int4 = nullptr;
  const kernels::MatMul* int8 = nullptr;

  static Result<Kernels> choose(const MeasureOptions& options) {
    using kernels::Format;
    LINNET_TRY(const auto* limits, kernels::choose("limits", kernels::limits_variants(), options.cpu, options.forced));
    LINNET_TRY(const auto* int4,
               kernels::choose("matmul", kernels::matmul_variants(Format::kQ4_0), options.cpu, options.forced));
    LINNET_TRY(const auto* int8,
               kernels::choose("matmul", kernels::matmul_variants(Format::kQ8_0), options.cpu, options.forced));
    return Kernels{limits->function, int4->function, int8->function};
  }
};

// What was measured so far, a row a figure.
struct Samples {
  std::vector<std::vector<double>> read;  // A row a number of threads.
  std::vector<double> int8, int4_weights, int8_weights, barriers;
};

}  // namespace

Bytes buffer_within(std::optional<Bytes> available) {
  constexpr std::uint64_t kLeast = std::uint64_t{16} << 20;
  const std::uint64_t most = MeasureOptions{}.buffer.count;
  return {std::clamp(available ? available->count / 8 : most, kLeast, most) >> 20 << 20};
}

Spread spread_of(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

struct Meter::State {
  Kernels kernels;
  std::span<std::byte> memory;
  Arena arena;
  std::vector<std::unique_ptr<ThreadPool>> pools;  // One a number of threads, ascending.
  Measurement measurement;
  Samples samples;

  State(const Kernels& chosen, std::span<std::byte> filled, Arena owner, std::vector<std::unique_ptr<ThreadPool>> made)
      : kernels(chosen),
        memory(filled),
        arena(std::move(owner)),
        pools(std::move(made)),
        measurement(*kernels.limits, memory) {
    samples.read.resize(pools.size());
  }
};

Meter::Meter(std::unique_ptr<State> state) : state_(std::move(state)) {}
Meter::Meter(Meter&&) noexcept = default;
Meter& Meter::operator=(Meter&&) noexcept = default;
Meter::~Meter() = default;

Result<Meter> Meter::create(const MeasureOptions& options) {
  LINNET_TRY(const Kernels kernels, Kernels::choose(options));
  std::span<std::byte> memory;
  LINNET_TRY(Arena arena, fill_memory(options.buffer, memory));
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (const std::size_t count : thread_counts(options.threads)) {
    LINNET_TRY(pools.emplace_back(), ThreadPool::create(count));
  }
  return Meter(std::make_unique<State>(kernels, memory, std::move(arena), std::move(pools)));
}

void Meter::sample() {
  using kernels::Format;
  auto& [chosen, memory, arena, pools, measurement, samples] = *state_;
  for (std::size_t i = 0; i < pools.size(); ++i) samples.read[i].push_back(measurement.read_gb_s(*pools[i]));
  ThreadPool& all = *pools.back();
  samples.int8.push_back(measurement.int8_gop_s(all));
  samples.int4_weights.push_back(
      measurement.weights_gb_s(all, *chosen.int4, kernels::info(Format::kQ4_0).panel_block_bytes));
  samples.int8_weights.push_back(
      measurement.weights_gb_s(all, *chosen.int8, kernels::info(Format::kQ8_0).panel_block_bytes));
  samples.barriers.push_back(Measurement::barrier_us(all));
}

MachineLimits Meter::summary() const {
  const Samples& samples = state_->samples;
  MachineLimits limits;
  for (std::size_t i = 0; i < samples.read.size(); ++i) {
    limits.read.push_back({state_->pools[i]->threads(), spread_of(samples.read[i])});
  }
  limits.int8_gop_s = spread_of(samples.int8);
  limits.int4_weights_gb_s = spread_of(samples.int4_weights);
  limits.int8_weights_gb_s = spread_of(samples.int8_weights);
  limits.barrier_us = spread_of(samples.barriers);
  return limits;
}

Result<MachineLimits> measure(const MeasureOptions& options, Watch watch) {
  LINNET_TRY(Meter meter, Meter::create(options));
  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
    if (!watch(repeat, options.repeats)) return fail(ErrorKind::kInterrupted, "stopped");
    meter.sample();
  }
  return meter.summary();
}

}  // namespace linnet::limits
