#include "runtime/engine/cuda/device_weights.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <vector>

namespace linnet::engine::cuda {
namespace {

using Part = std::span<const std::byte>;

constexpr std::size_t kFarApart = std::size_t{1} << 20;  // Less is not worth a registration of its own.
constexpr std::size_t kPiece = std::size_t{64} << 20;    // Between two looks at the watcher.

std::uintptr_t start_of(Part part) { return reinterpret_cast<std::uintptr_t>(part.data()); }

std::vector<Part> matrices_of(const Setup& setup) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < setup.weights.views.size(); ++i) {
    if (is_matrix(setup.program.weights[i])) parts.push_back(setup.weights.views[i].data);
  }
  return parts;
}

}  // namespace

std::vector<Part> page_ranges(std::vector<Part> parts) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::ranges::sort(parts, {}, start_of);
  std::vector<Part> ranges;
  for (const Part part : parts) {
    if (part.empty()) continue;
    const std::uintptr_t skipped = start_of(part) % page;
    const std::byte* const start = part.data() - skipped;
    const std::size_t size = (part.size() + skipped + page - 1) / page * page;
    if (!ranges.empty() && start_of({start, 1}) <= start_of(ranges.back()) + ranges.back().size() + kFarApart) {
      const std::byte* const first = ranges.back().data();
      ranges.back() = {first, std::max(ranges.back().size(), static_cast<std::size_t>(start + size - first))};
    } else {
      ranges.emplace_back(start, size);
    }
  }
  return ranges;
}

bool can_map(const DeviceFacts& facts) { return facts.integrated && facts.maps_read_only; }

Result<MappedWeights> MappedWeights::map(const Driver& driver, const Setup& setup) {
  MappedWeights mapped;
  for (const Part host : page_ranges(matrices_of(setup))) {
    void* const memory = const_cast<std::byte*>(host.data());
    LINNET_CHECK(driver.check(driver->register_host(memory, host.size(), kRegisterDeviceMap | kRegisterReadOnly),
                              "taking the mapped weights"));
    HostRegistration registration(driver, memory);
    DeviceAddress device = 0;
    LINNET_CHECK(driver.check(driver->host_address(&device, memory, 0), "finding the mapped weights"));
    mapped.ranges_.push_back({host, device, std::move(registration)});
  }
  return mapped;
}

std::byte* MappedWeights::address(const std::byte* data) const {
  for (const Range& range : ranges_) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(data) - start_of(range.host);
    if (offset < range.host.size()) return device_pointer<std::byte>(range.device + offset);
  }
  assert(false && "no matrix of the setup");
  return nullptr;
}

namespace {

// Copies one after the other, and tells how far it is.
class Copier {
 public:
  Copier(Device& device, std::uint64_t all, LoadWatcher* watcher) : device_(device), all_(all), watcher_(watcher) {}

  // The source may change or go once this returns.
  [[nodiscard]] Result<void> copy(std::span<const std::byte> from, void* to) {
    const Driver& driver = device_.driver();
    auto target = reinterpret_cast<DeviceAddress>(to);
    while (!from.empty()) {
      const auto piece = from.first(std::min(from.size(), kPiece));
      LINNET_CHECK(driver.check(driver->copy_to_device(target, piece.data(), piece.size(), device_.stream()),
                                "copying weights"));
      LINNET_CHECK(device_.wait("copying weights"));
      from = from.subspan(piece.size());
      target += piece.size();
      done_ += piece.size();
      if (watcher_ != nullptr && !watcher_->loading(std::min(done_, all_), all_)) {
        return fail(ErrorKind::kInterrupted, "stopped while weights were copied to the device");
      }
    }
    return {};
  }

 private:
  Device& device_;
  std::uint64_t all_;
  LoadWatcher* watcher_;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<void> copy_weights(Device& device, const Setup& setup, const DeviceMap& map, LoadWatcher* watcher) {
  std::uint64_t all = 0;
  for (const Part part : matrices_of(setup)) all += part.size();
  Copier copier(device, all, watcher);
  std::vector<float> vector;
  for (std::size_t i = 0; i < setup.weights.views.size(); ++i) {
    const WeightView& view = setup.weights.views[i];
    if (!map.matrices.empty() && map.matrices[i] != nullptr) LINNET_CHECK(copier.copy(view.data, map.matrices[i]));
    if (map.vectors[i] == nullptr) continue;
    vector.resize(view.columns);
    view.read_row(0, vector.data());
    LINNET_CHECK(copier.copy(std::as_bytes(std::span(vector)), map.vectors[i]));
  }
  return {};
}

void release_pages(const Setup& setup) {
#ifdef MADV_PAGEOUT
  for (const Part range : page_ranges(matrices_of(setup))) {
    (void)madvise(const_cast<std::byte*>(range.data()), range.size(), MADV_PAGEOUT);
  }
#else
  (void)setup;
#endif
}

}  // namespace linnet::engine::cuda
