#include "runtime/engine/cuda/device.h"

#include <array>
#include <thread>

#include "runtime/base/clock.h"

namespace linnet::engine::cuda {
namespace {

// While an answer is likely soon, asking again at once saves the 50 microseconds that a sleep rounds up to.
constexpr std::chrono::milliseconds kBusyWaiting{20};
constexpr std::chrono::microseconds kBetweenLooks{100};

}  // namespace

std::string to_string(const DeviceFacts& facts) {
  const auto dotted = [](int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); };
  return facts.name + " (compute " + dotted(facts.capability / 10, facts.capability % 10) + ", CUDA driver " +
         dotted(facts.driver / 1000, facts.driver % 1000 / 10) + ")";
}

Result<std::unique_ptr<Device>> Device::open(const DriverFunctions& functions, std::chrono::milliseconds patience) {
  std::unique_ptr<Device> device(new Device(functions, patience));
  LINNET_CHECK(device->start());
  return device;
}

Result<void> Device::start() {
  LINNET_CHECK(driver_.check(driver_->initialise(0), "starting the driver"));
  int count = 0;
  LINNET_CHECK(driver_.check(driver_->device_count(&count), "counting devices"));
  if (count < 1) return fail(ErrorKind::kAbsent, "CUDA: the driver sees no device");
  DeviceNumber number = 0;
  LINNET_CHECK(driver_.check(driver_->device_at(&number, 0), "opening the device"));
  LINNET_CHECK(driver_.check(driver_->retain_context(&handle_, number), "making a context"));
  context_ = OwnedContext(driver_, number);
  LINNET_CHECK(make_current());
  Stream stream = nullptr;
  LINNET_CHECK(driver_.check(driver_->create_stream(&stream, kStreamNonBlocking), "making a stream"));
  stream_ = OwnedStream(driver_, stream);
  return read_facts(number);
}

Result<void> Device::read_facts(DeviceNumber number) {
  std::array<char, 128> name{};
  LINNET_CHECK(
      driver_.check(driver_->device_name(name.data(), static_cast<int>(name.size()) - 1, number), "asking its name"));
  facts_.name = name.data();
  LINNET_CHECK(driver_.check(driver_->driver_version(&facts_.driver), "asking its version"));
  const auto read = [&](int attribute, int& value) {
    return driver_.check(driver_->device_attribute(&value, attribute, number), "asking an attribute");
  };
  int major = 0;
  int minor = 0;
  int shared = 0;
  int integrated = 0;
  int read_only = 0;
  LINNET_CHECK(read(kComputeCapabilityMajor, major));
  LINNET_CHECK(read(kComputeCapabilityMinor, minor));
  LINNET_CHECK(read(kMultiprocessorCount, facts_.multiprocessors));
  LINNET_CHECK(read(kMaxSharedMemoryPerBlockOptIn, shared));
  LINNET_CHECK(read(kIntegrated, integrated));
  LINNET_CHECK(read(kReadOnlyHostRegisterSupported, read_only));
  std::size_t free = 0;
  std::size_t total = 0;
  LINNET_CHECK(driver_.check(driver_->memory_info(&free, &total), "asking for free memory"));
  facts_.capability = major * 10 + minor;
  facts_.shared_bytes = static_cast<std::size_t>(shared);
  facts_.integrated = integrated != 0;
  facts_.maps_read_only = read_only != 0;
  facts_.free_memory = Bytes{free};
  return {};
}

Result<void> Device::make_current() const { return driver_.check(driver_->set_context(handle_), "taking the context"); }

Result<void> Device::wait(std::string_view doing) {
  const auto started = Clock::now();
  for (;;) {
    const Status status = driver_->query_stream(stream());
    if (status != kNotReady) return driver_.check(status, doing);
    const auto waited = Clock::now() - started;
    if (waited > patience_) break;
    if (waited < kBusyWaiting) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }
  driver_.abandon();
  return fail(ErrorKind::kDeviceLost,
              "CUDA: " + std::string(doing) + ": no answer within " + std::to_string(patience_.count()) + " ms");
}

}  // namespace linnet::engine::cuda
