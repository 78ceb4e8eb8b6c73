#include "tests/engine/cuda/fake_driver.h"

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

namespace linnet::engine::cuda::test {
namespace {

namespace gpu = kernels::cuda;

FakeDriver* driver = nullptr;
ContextTag* const kContext = device_pointer<ContextTag>(0x1001);

// Bytes of each kernel's parameter, and the grid that it asks for.
template <class Parameters>
gpu::Launch grid_of(const void* parameters) {
  return gpu::launch_of(*static_cast<const Parameters*>(parameters));
}

struct KernelInfo {
  std::size_t bytes;
  gpu::Launch (*grid)(const void*);
};

constexpr KernelInfo kKernels[] = {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) {sizeof(gpu::parameters), grid_of<gpu::parameters>},
    LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_PRODUCTS(parameters)                                                                        \
  {sizeof(gpu::parameters), grid_of<gpu::parameters>}, {sizeof(gpu::parameters), grid_of<gpu::parameters>},     \
      {sizeof(gpu::parameters), grid_of<gpu::parameters>}, {sizeof(gpu::parameters), grid_of<gpu::parameters>}, \
      {sizeof(gpu::GemmParameters), grid_of<gpu::GemmParameters>},
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(MatVecParameters)
        LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(FloatMatVecParameters)
            LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) {sizeof(gpu::PanelGemmParameters), grid_of<gpu::PanelGemmParameters>},
                LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
};
static_assert(std::size(kKernels) == gpu::kKernelCount);

// Handles of functions are their kernel's place, and one.
Function handle_of(std::size_t kernel) { return device_pointer<FunctionTag>(kernel + 1); }
std::size_t kernel_of(Function function) { return reinterpret_cast<std::uintptr_t>(function) - 1; }

std::uint32_t linnet_version = 0;  // What the module's global shows.

bool inside(const std::map<std::uintptr_t, std::size_t>& ranges, std::uintptr_t start, std::size_t bytes) {
  auto after = ranges.upper_bound(start);
  if (after == ranges.begin()) return false;
  --after;
  return start + bytes <= after->first + after->second;
}

}  // namespace

struct FakeDriver::Command {
  enum class Kind { kToDevice, kFromDevice, kLaunch } kind{};
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  std::size_t kernel = 0;
  std::vector<std::byte> parameters = {};
  gpu::Launch grid{};
};

struct FakeDriver::Recording {
  std::vector<Command> commands;
};

// The functions of the table; each checks what it is given and does it at once.
struct FakeDriver::Calls {
#define LINNET_FAKE_ENTER(name) \
  if (const Status status = driver->enter(name); status != kSuccess) return status

  static Status initialise(unsigned flags) {
    LINNET_FAKE_ENTER("initialise");
    driver->expect(flags == 0, "cuInit's flags");
    return kSuccess;
  }
  static Status driver_version(int* version) {
    LINNET_FAKE_ENTER("driver_version");
    *version = 13000;
    return kSuccess;
  }
  static Status error_name(Status status, const char** name) {
    *name = status == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_A_TEST";
    return kSuccess;
  }
  static Status device_count(int* count) {
    LINNET_FAKE_ENTER("device_count");
    *count = driver->options_.devices;
    return kSuccess;
  }
  static Status device_at(DeviceNumber* device, int ordinal) {
    LINNET_FAKE_ENTER("device_at");
    driver->expect(ordinal == 0, "a device's ordinal");
    *device = 7;
    return kSuccess;
  }
  static Status device_name(char* name, int length, DeviceNumber device) {
    LINNET_FAKE_ENTER("device_name");
    driver->expect(device == 7 && length > 16, "a device");
    std::snprintf(name, static_cast<std::size_t>(length), "Fake GPU");
    return kSuccess;
  }
  static Status device_attribute(int* value, int attribute, DeviceNumber device) {
    LINNET_FAKE_ENTER("device_attribute");
    driver->expect(device == 7, "a device");
    const FakeOptions& options = driver->options_;
    switch (attribute) {
      case kComputeCapabilityMajor: *value = options.capability / 10; break;
      case kComputeCapabilityMinor: *value = options.capability % 10; break;
      case kMultiprocessorCount: *value = 16; break;
      case kMaxSharedMemoryPerBlockOptIn: *value = 163 * 1024; break;
      case kIntegrated:
      case kReadOnlyHostRegisterSupported: *value = options.integrated ? 1 : 0; break;
      default: driver->expect(false, "attribute " + std::to_string(attribute));
    }
    return kSuccess;
  }
  static Status retain_context(Context* context, DeviceNumber device) {
    LINNET_FAKE_ENTER("retain_context");
    driver->expect(device == 7, "a device");
    driver->make(kContext, "context");
    *context = kContext;
    return kSuccess;
  }
  static Status release_context(DeviceNumber device) {
    driver->expect(device == 7, "a device");
    return driver->unmake(kContext, "context");
  }
  static Status set_context(Context context) {
    LINNET_FAKE_ENTER("set_context");
    driver->expect(context == kContext && driver->is(kContext, "context"), "a context");
    driver->current_ = true;
    return kSuccess;
  }
  static Status memory_info(std::size_t* free, std::size_t* total) {
    LINNET_FAKE_ENTER("memory_info");
    *total = driver->options_.memory;
    *free = *total - driver->in_use_;
    return kSuccess;
  }
  static Status allocate(DeviceAddress* address, std::size_t bytes) {
    LINNET_FAKE_ENTER("allocate");
    driver->expect(bytes != 0 && driver->current_, "an allocation");
    if (driver->in_use_ + bytes > driver->options_.memory) return kOutOfMemory;
    auto* const memory = static_cast<std::byte*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
    std::memset(memory, 0xFF, bytes);  // NaNs: nobody may read what nobody wrote.
    driver->make(memory, "memory");
    driver->in_use_ += bytes;
    driver->allocations_.push_back(bytes);
    *address = reinterpret_cast<DeviceAddress>(memory);
    driver->device_memory_[*address] = bytes;
    return kSuccess;
  }
  static Status release(DeviceAddress address) {
    if (const Status status = driver->unmake(device_pointer<void>(address), "memory"); status != kSuccess) {
      return status;
    }
    driver->in_use_ -= driver->device_memory_[address];
    driver->device_memory_.erase(address);
    std::free(device_pointer<void>(address));
    return kSuccess;
  }
  static Status allocate_pinned(void** memory, std::size_t bytes) {
    LINNET_FAKE_ENTER("allocate_pinned");
    driver->expect(bytes != 0, "pinned memory");
    *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    std::memset(*memory, 0xFF, bytes);
    driver->make(*memory, "pinned");
    driver->pinned_memory_[reinterpret_cast<std::uintptr_t>(*memory)] = bytes;
    return kSuccess;
  }
  static Status release_pinned(void* memory) {
    if (const Status status = driver->unmake(memory, "pinned"); status != kSuccess) return status;
    driver->pinned_memory_.erase(reinterpret_cast<std::uintptr_t>(memory));
    std::free(memory);
    return kSuccess;
  }
  static Status register_host(void* memory, std::size_t bytes, unsigned flags) {
    LINNET_FAKE_ENTER("register_host");
    const auto start = reinterpret_cast<std::uintptr_t>(memory);
    driver->expect(start % 4096 == 0 && bytes % 4096 == 0 && bytes != 0, "pages to register");
    driver->expect(flags == (kRegisterDeviceMap | kRegisterReadOnly), "flags of a registration");
    if (!driver->options_.takes_mappings) return 801;          // CUDA_ERROR_NOT_SUPPORTED
    if (inside(driver->device_memory_, start, 1)) return 712;  // CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
    driver->make(memory, "registration");
    driver->device_memory_[start] = bytes;
    return kSuccess;
  }
  static Status unregister_host(void* memory) {
    if (const Status status = driver->unmake(memory, "registration"); status != kSuccess) return status;
    driver->device_memory_.erase(reinterpret_cast<std::uintptr_t>(memory));
    return kSuccess;
  }
  static Status host_address(DeviceAddress* address, void* memory, unsigned flags) {
    LINNET_FAKE_ENTER("host_address");
    driver->expect(flags == 0 && driver->is(memory, "registration"), "a registration");
    *address = reinterpret_cast<DeviceAddress>(memory);
    return kSuccess;
  }
  static Status copy_to_device(DeviceAddress to, const void* from, std::size_t bytes, Stream stream) {
    LINNET_FAKE_ENTER("copy_to_device");
    driver->expect(bytes != 0 && driver->on_device(to, bytes), "where to copy to");
    driver->expect(driver->is(stream, "stream"), "a stream");
    driver->expect(!driver->capturing_ || driver->pinned(from, bytes),
                   "a captured copy from memory that is not pinned");
    return driver->submit(
        {.kind = Command::Kind::kToDevice, .to = device_pointer<void>(to), .from = from, .bytes = bytes});
  }
  static Status copy_from_device(void* to, DeviceAddress from, std::size_t bytes, Stream stream) {
    LINNET_FAKE_ENTER("copy_from_device");
    driver->expect(bytes != 0 && driver->on_device(from, bytes), "where to copy from");
    driver->expect(driver->is(stream, "stream"), "a stream");
    return driver->submit(
        {.kind = Command::Kind::kFromDevice, .to = to, .from = device_pointer<void>(from), .bytes = bytes});
  }
  static Status load_module(Module* module, const void* image) {
    LINNET_FAKE_ENTER("load_module");
    // "version N": kernels of that version. "error N": the driver refuses the file so.
    const std::string_view text = static_cast<const char*>(image);
    if (text.starts_with("error ")) return std::atoi(text.data() + 6);
    auto* const handle = ::operator new(1);
    driver->make(handle, "module");
    driver->module_versions_[handle] = static_cast<std::uint32_t>(std::atoi(text.data() + 8));
    *module = static_cast<Module>(handle);
    return kSuccess;
  }
  static Status unload_module(Module module) {
    if (const Status status = driver->unmake(module, "module"); status != kSuccess) return status;
    ::operator delete(module);
    return kSuccess;
  }
  static Status module_function(Function* function, Module module, const char* name) {
    LINNET_FAKE_ENTER("module_function");
    driver->expect(driver->is(module, "module"), "a module");
    for (std::size_t i = 0; i < gpu::kKernelCount; ++i) {
      if (std::string_view(gpu::kKernelNames[i]) != name) continue;
      *function = handle_of(i);
      return kSuccess;
    }
    driver->expect(false, name);
    return kNotFound;
  }
  static Status module_global(DeviceAddress* address, std::size_t* bytes, Module module, const char* name) {
    LINNET_FAKE_ENTER("module_global");
    driver->expect(driver->is(module, "module") && std::string_view(name) == gpu::kVersionSymbol, "a global");
    linnet_version = driver->module_versions_[module];
    *address = reinterpret_cast<DeviceAddress>(&linnet_version);
    *bytes = sizeof linnet_version;
    driver->device_memory_[*address] = *bytes;
    return kSuccess;
  }
  static Status set_function_attribute(Function function, int attribute, int value) {
    LINNET_FAKE_ENTER("set_function_attribute");
    driver->expect(kernel_of(function) < gpu::kKernelCount && attribute == kMaxDynamicSharedMemory, "an attribute");
    driver->expect(value > 48 * 1024 && value <= 163 * 1024, "a size of shared memory");
    return kSuccess;
  }
  static Status launch(Function function, unsigned x, unsigned y, unsigned z, unsigned block_x, unsigned block_y,
                       unsigned block_z, unsigned shared_bytes, Stream stream, void** parameters, void** extra) {
    LINNET_FAKE_ENTER("launch");
    const std::size_t kernel = kernel_of(function);
    driver->expect(kernel < gpu::kKernelCount && driver->is(stream, "stream") && extra == nullptr, "a launch");
    const gpu::Launch grid = kKernels[kernel].grid(parameters[0]);
    const bool as_asked = grid.x == x && grid.y == y && grid.z == z && grid.threads == block_x &&
                          grid.shared_bytes == shared_bytes && block_y == 1 && block_z == 1;
    driver->expect(as_asked && x != 0 && y != 0 && z != 0, std::string("the grid of ") + gpu::kKernelNames[kernel]);
    const auto* const bytes = static_cast<const std::byte*>(parameters[0]);
    return driver->submit({.kind = Command::Kind::kLaunch,
                           .kernel = kernel,
                           .parameters = std::vector<std::byte>(bytes, bytes + kKernels[kernel].bytes),
                           .grid = grid});
  }
  static Status function_attribute(int* value, int attribute, Function function) {
    LINNET_FAKE_ENTER("function_attribute");
    driver->expect(kernel_of(function) < gpu::kKernelCount && attribute == kPtxVersion, "an attribute");
    *value = driver->options_.compiled_for;
    return kSuccess;
  }
  static Status launch_with(const LaunchConfig* config, Function function, void** parameters, void** extra) {
    const LaunchAttribute* const attribute = config->attributes;
    driver->expect(config->attribute_count == 1 && attribute->id == kProgrammaticStreamSerialization &&
                       attribute->value.allowed == 1 && driver->behind_kernel_ && driver->options_.compiled_for >= 90,
                   "an early start");
    ++driver->calls_by_name_["launch_with"];
    return launch(function, config->grid_x, config->grid_y, config->grid_z, config->block_x, config->block_y,
                  config->block_z, config->shared_bytes, config->stream, parameters, extra);
  }
  static Status create_stream(Stream* stream, unsigned flags) {
    LINNET_FAKE_ENTER("create_stream");
    driver->expect(flags == kStreamNonBlocking && driver->current_, "a stream's flags");
    return made(stream, "stream");
  }
  static Status destroy_stream(Stream stream) { return unmade(stream, "stream"); }
  static Status query_stream(Stream stream) {
    LINNET_FAKE_ENTER("query_stream");
    driver->expect(driver->is(stream, "stream"), "a stream");
    return driver->hangs_ ? kNotReady : kSuccess;
  }
  static Status begin_capture(Stream stream, int mode) {
    LINNET_FAKE_ENTER("begin_capture");
    driver->expect(driver->is(stream, "stream") && mode == kCaptureThreadLocal && !driver->capturing_, "a capture");
    driver->capturing_ = std::make_unique<Recording>();
    return kSuccess;
  }
  static Status end_capture(Stream stream, Graph* graph) {
    auto recording = std::move(driver->capturing_);  // Ends also where it fails.
    LINNET_FAKE_ENTER("end_capture");
    driver->expect(driver->is(stream, "stream") && recording, "a capture");
    const Status status = made(graph, "graph");
    driver->recordings_[*graph] = std::move(recording);
    return status;
  }
  static Status destroy_graph(Graph graph) { return unmade(graph, "graph"); }
  static Status instantiate(ExecutableGraph* executable, Graph graph, unsigned long long flags) {
    LINNET_FAKE_ENTER("instantiate");
    driver->expect(driver->is(graph, "graph") && flags == 0, "a graph");
    const Status status = made(executable, "executable");
    driver->recordings_[*executable] = std::make_unique<Recording>(*driver->recordings_[graph]);
    return status;
  }
  static Status destroy_executable(ExecutableGraph executable) { return unmade(executable, "executable"); }
  static Status launch_graph(ExecutableGraph executable, Stream stream) {
    LINNET_FAKE_ENTER("launch_graph");
    driver->expect(driver->is(executable, "executable") && driver->is(stream, "stream"), "a graph");
    for (const Command& command : driver->recordings_[executable]->commands) driver->execute(command);
    return kSuccess;
  }
  static Status create_event(Event* event, unsigned flags) {
    LINNET_FAKE_ENTER("create_event");
    driver->expect(flags == kEventDefault, "an event's flags");
    return made(event, "event");
  }
  static Status destroy_event(Event event) { return unmade(event, "event"); }
  static Status record_event(Event event, Stream stream) {
    LINNET_FAKE_ENTER("record_event");
    driver->expect(driver->is(event, "event") && driver->is(stream, "stream") && !driver->capturing_, "an event");
    driver->behind_kernel_ = false;
    return kSuccess;
  }
  static Status event_milliseconds(float* milliseconds, Event from, Event to) {
    LINNET_FAKE_ENTER("event_milliseconds");
    driver->expect(driver->is(from, "event") && driver->is(to, "event"), "two events");
    *milliseconds = 0.5F;
    return kSuccess;
  }
#undef LINNET_FAKE_ENTER

  template <class Handle>
  static Status made(Handle* handle, const char* kind) {
    void* const memory = ::operator new(1);
    driver->make(memory, kind);
    *handle = static_cast<Handle>(memory);
    return kSuccess;
  }
  static Status unmade(void* handle, const char* kind) {
    const Status status = driver->unmake(handle, kind);
    if (status == kSuccess) driver->recordings_.erase(handle);
    if (status == kSuccess) ::operator delete(handle);
    return status;
  }
};

FakeDriver::FakeDriver(const FakeOptions& options) : options_(options) {
  assert(driver == nullptr);
  driver = this;
#define LINNET_FAKE_MEMBER(member, symbol, parameters) functions_.member = Calls::member;
  LINNET_CUDA_FUNCTIONS(LINNET_FAKE_MEMBER)
  LINNET_CUDA_LATER_FUNCTIONS(LINNET_FAKE_MEMBER)
#undef LINNET_FAKE_MEMBER
}

FakeDriver::~FakeDriver() {
  // What a test lost on purpose.
  for (const auto& [handle, kind] : handles_) {
    if (kind == "memory" || kind == "pinned") std::free(handle);
    if (kind != "memory" && kind != "pinned" && kind != "registration" && kind != "context") ::operator delete(handle);
  }
  driver = nullptr;
}

void FakeDriver::fail_after(std::size_t calls, Status status, bool stays) {
  fail_in_ = calls;
  failure_ = status;
  failure_stays_ = stays;
}

std::size_t FakeDriver::calls_of(const std::string& name) const {
  const auto found = calls_by_name_.find(name);
  return found == calls_by_name_.end() ? 0 : found->second;
}

std::size_t FakeDriver::alive() const { return handles_.size(); }

Status FakeDriver::enter(const char* name) {
  ++calls_;
  ++calls_by_name_[name];
  if (fail_in_ == ~std::size_t{0}) return kSuccess;
  if (fail_in_ != 0) {
    --fail_in_;
    return kSuccess;
  }
  if (!failure_stays_) fail_in_ = ~std::size_t{0};
  return failure_;
}

void FakeDriver::expect(bool sound, const std::string& what) {
  if (!sound) faults_.push_back(what);
}

void FakeDriver::make(void* handle, const char* kind) { handles_[handle] = kind; }

Status FakeDriver::unmake(void* handle, const char* kind) {
  expect(is(handle, kind), std::string("given back twice, or never made: ") + kind);
  return handles_.erase(handle) == 1 ? kSuccess : 400;  // CUDA_ERROR_INVALID_HANDLE
}

bool FakeDriver::is(void* handle, const char* kind) const {
  const auto found = handles_.find(handle);
  return found != handles_.end() && found->second == kind;
}

bool FakeDriver::on_device(DeviceAddress address, std::size_t bytes) const {
  return inside(device_memory_, address, bytes);
}

bool FakeDriver::pinned(const void* memory, std::size_t bytes) const {
  return inside(pinned_memory_, reinterpret_cast<std::uintptr_t>(memory), bytes);
}

Status FakeDriver::submit(Command command) {
  behind_kernel_ = command.kind == Command::Kind::kLaunch;
  if (capturing_) {
    capturing_->commands.push_back(std::move(command));
  } else {
    execute(command);
  }
  return kSuccess;
}

void FakeDriver::execute(const Command& command) {
  if (command.kind != Command::Kind::kLaunch) {
    std::memcpy(command.to, command.from, command.bytes);
    return;
  }
  ++launches_;
  if (options_.run == nullptr) return;
  options_.run(static_cast<gpu::Kernel>(command.kernel), command.parameters.data(), command.grid);
}

}  // namespace linnet::engine::cuda::test
