#include "bench/cuda/gpu.h"

#include <algorithm>
#include <bit>
#include <fstream>
#include <iterator>
#include <random>

namespace linnet::bench {
namespace {

constexpr std::size_t kNoiseBytes = std::size_t{32} << 20;

}  // namespace

Gpu::Gpu(const std::string& kernels, const std::string& limits)
    : functions_(value_or_stop(engine::cuda::load_driver())),
      device_(value_or_stop(engine::cuda::Device::open(functions_, std::chrono::minutes(2)))),
      noise_(kNoiseBytes) {
  value_or_stop(device_->make_current());
  module_ =
      std::make_unique<engine::cuda::KernelModule>(value_or_stop(engine::cuda::KernelModule::load(*device_, kernels)));
  std::ifstream file(limits, std::ios::binary);
  std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
  image.push_back('\0');
  value_or_stop(device_->driver().check(functions_.load_module(&limits_, image.data()), "loading " + limits));
  std::mt19937 random(1);
  // Bytes that are no NaN as f16: the upper byte of a pair is small.
  for (std::size_t i = 0; i < noise_.size(); ++i)
    noise_[i] = static_cast<std::byte>(random() & (i % 2 != 0 ? 0x2FU : 0xFFU));
}

std::byte* Gpu::allocate(std::size_t bytes) {
  engine::cuda::DeviceAddress address = 0;
  value_or_stop(
      device_->driver().check(functions_.allocate(&address, std::max<std::size_t>(bytes, 256)), "allocating"));
  auto* const memory = std::bit_cast<std::byte*>(address);
  for (std::size_t at = 0; at < bytes; at += noise_.size()) {
    copy(memory + at, noise_.data(), std::min(noise_.size(), bytes - at));
  }
  return memory;
}

void Gpu::release(std::byte* memory) {
  value_or_stop(
      device_->driver().check(functions_.release(reinterpret_cast<engine::cuda::DeviceAddress>(memory)), "releasing"));
}

void Gpu::copy(std::byte* to, const void* from, std::size_t bytes) {
  value_or_stop(device_->driver().check(
      functions_.copy_to_device(reinterpret_cast<engine::cuda::DeviceAddress>(to), from, bytes, device_->stream()),
      "copying"));
  value_or_stop(device_->wait("copying"));
}

void Gpu::launch_limit(const char* name, unsigned blocks, void* parameters) {
  engine::cuda::Function function = nullptr;
  value_or_stop(device_->driver().check(functions_.module_function(&function, limits_, name), name));
  void* all[] = {parameters};
  value_or_stop(device_->driver().check(
      functions_.launch(function, blocks, 1, 1, 256, 1, 1, 0, device_->stream(), all, nullptr), name));
}

void Gpu::begin_capture() {
  first_ = true;
  value_or_stop(device_->driver().check(functions_.begin_capture(device_->stream(), engine::cuda::kCaptureThreadLocal),
                                        "capturing"));
}

double Gpu::replay(int rounds) {
  const auto check = [&](engine::cuda::Status status) { value_or_stop(device_->driver().check(status, "replaying")); };
  engine::cuda::Graph graph = nullptr;
  engine::cuda::ExecutableGraph executable = nullptr;
  engine::cuda::Event from = nullptr;
  engine::cuda::Event to = nullptr;
  check(functions_.end_capture(device_->stream(), &graph));
  check(functions_.instantiate(&executable, graph, 0));
  check(functions_.create_event(&from, engine::cuda::kEventDefault));
  check(functions_.create_event(&to, engine::cuda::kEventDefault));
  std::vector<double> times;
  for (int round = 0; round < rounds + 2; ++round) {
    check(functions_.record_event(from, device_->stream()));
    check(functions_.launch_graph(executable, device_->stream()));
    check(functions_.record_event(to, device_->stream()));
    value_or_stop(device_->wait("replaying"));
    float milliseconds = 0;
    check(functions_.event_milliseconds(&milliseconds, from, to));
    if (round >= 2) times.push_back(static_cast<double>(milliseconds));
  }
  check(functions_.destroy_event(from));
  check(functions_.destroy_event(to));
  check(functions_.destroy_executable(executable));
  check(functions_.destroy_graph(graph));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace linnet::bench
