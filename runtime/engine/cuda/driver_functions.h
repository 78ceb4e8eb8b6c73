// The functions of the CUDA driver that Linnet calls, as a table: found by name at run time, so that nothing links
// CUDA.
//
// Names of parameters and meaning of the numbers: NVIDIA, "CUDA Driver API", which keeps them stable: a symbol whose
// prototype changed got a new name (`cuMemAlloc_v2`). All of them are in drivers since CUDA 11.4, but for those that
// may be missing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace linnet::engine::cuda {

using Status = int;                    // CUresult
using DeviceNumber = int;              // CUdevice
using DeviceAddress = std::uintptr_t;  // CUdeviceptr: as wide as a pointer.

// The driver counts in addresses, kernels take pointers.
template <class T>
[[nodiscard]] T* device_pointer(DeviceAddress address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): nothing here reads behind it.
}

// Opaque to us as they are to everybody.
using Context = struct ContextTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;
using Graph = struct GraphTag*;
using ExecutableGraph = struct ExecutableGraphTag*;

// CUresult, those that are told apart.
inline constexpr Status kSuccess = 0;
inline constexpr Status kOutOfMemory = 2;
inline constexpr Status kStubLibrary = 34;
inline constexpr Status kNoDevice = 100;
inline constexpr Status kNoBinaryForGpu = 209;
inline constexpr Status kInvalidPtx = 218;
inline constexpr Status kUnsupportedPtxVersion = 222;
inline constexpr Status kNotFound = 500;
inline constexpr Status kNotReady = 600;
inline constexpr Status kLaunchFailed = 719;

// CUdevice_attribute.
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kIntegrated = 18;
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kMaxSharedMemoryPerBlockOptIn = 97;
inline constexpr int kReadOnlyHostRegisterSupported = 113;

// CUfunction_attribute.
inline constexpr int kPtxVersion = 5;  // The architecture that the source was compiled for: 80, 90.
inline constexpr int kMaxDynamicSharedMemory = 8;

// Flags.
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0;
inline constexpr unsigned kRegisterDeviceMap = 2;
inline constexpr unsigned kRegisterReadOnly = 8;
inline constexpr int kCaptureThreadLocal = 1;

// CUlaunchConfig, with CUlaunchAttribute.
inline constexpr int kProgrammaticStreamSerialization = 6;
struct LaunchAttribute {
  int id;
  int padding;
  union {
    char bytes[64];
    int allowed;
  } value;
};
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z;
  unsigned block_x, block_y, block_z;
  unsigned shared_bytes;
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};
static_assert(sizeof(LaunchAttribute) == 72 && (sizeof(void*) != 8 || sizeof(LaunchConfig) == 56));

// X(member, symbol, parameters): each becomes `Status (*member)(parameters)`.
// clang-format off
#define LINNET_CUDA_FUNCTIONS(X)                                                                                        \
  X(initialise, "cuInit", (unsigned flags))                                                                             \
  X(driver_version, "cuDriverGetVersion", (int* version))                                                               \
  X(error_name, "cuGetErrorName", (Status status, const char** name))                                                   \
  X(device_count, "cuDeviceGetCount", (int* count))                                                                     \
  X(device_at, "cuDeviceGet", (DeviceNumber * device, int ordinal))                                                     \
  X(device_name, "cuDeviceGetName", (char* name, int length, DeviceNumber device))                                      \
  X(device_attribute, "cuDeviceGetAttribute", (int* value, int attribute, DeviceNumber device))                         \
  X(retain_context, "cuDevicePrimaryCtxRetain", (Context* context, DeviceNumber device))                                \
  X(release_context, "cuDevicePrimaryCtxRelease_v2", (DeviceNumber device))                                             \
  X(set_context, "cuCtxSetCurrent", (Context context))                                                                  \
  X(memory_info, "cuMemGetInfo_v2", (std::size_t* free, std::size_t* total))                                            \
  X(allocate, "cuMemAlloc_v2", (DeviceAddress* address, std::size_t bytes))                                             \
  X(release, "cuMemFree_v2", (DeviceAddress address))                                                                   \
  X(allocate_pinned, "cuMemAllocHost_v2", (void** memory, std::size_t bytes))                                           \
  X(release_pinned, "cuMemFreeHost", (void* memory))                                                                    \
  X(register_host, "cuMemHostRegister_v2", (void* memory, std::size_t bytes, unsigned flags))                           \
  X(unregister_host, "cuMemHostUnregister", (void* memory))                                                             \
  X(host_address, "cuMemHostGetDevicePointer_v2", (DeviceAddress* address, void* memory, unsigned flags))               \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", (DeviceAddress to, const void* from, std::size_t bytes, Stream stream))     \
  X(copy_from_device, "cuMemcpyDtoHAsync_v2", (void* to, DeviceAddress from, std::size_t bytes, Stream stream))         \
  X(load_module, "cuModuleLoadData", (Module* module, const void* image))                                               \
  X(unload_module, "cuModuleUnload", (Module module))                                                                   \
  X(module_function, "cuModuleGetFunction", (Function* function, Module module, const char* name))                      \
  X(module_global, "cuModuleGetGlobal_v2", (DeviceAddress* address, std::size_t* bytes, Module module, const char* name)) \
  X(set_function_attribute, "cuFuncSetAttribute", (Function function, int attribute, int value))                        \
  X(function_attribute, "cuFuncGetAttribute", (int* value, int attribute, Function function))                           \
  X(launch, "cuLaunchKernel",                                                                                           \
    (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,          \
     unsigned block_z, unsigned shared_bytes, Stream stream, void** parameters, void** extra))                          \
  X(create_stream, "cuStreamCreate", (Stream* stream, unsigned flags))                                                  \
  X(destroy_stream, "cuStreamDestroy_v2", (Stream stream))                                                              \
  X(query_stream, "cuStreamQuery", (Stream stream))                                                                     \
  X(begin_capture, "cuStreamBeginCapture_v2", (Stream stream, int mode))                                                \
  X(end_capture, "cuStreamEndCapture", (Stream stream, Graph* graph))                                                   \
  X(destroy_graph, "cuGraphDestroy", (Graph graph))                                                                     \
  X(instantiate, "cuGraphInstantiateWithFlags", (ExecutableGraph* executable, Graph graph, unsigned long long flags))   \
  X(destroy_executable, "cuGraphExecDestroy", (ExecutableGraph executable))                                             \
  X(launch_graph, "cuGraphLaunch", (ExecutableGraph executable, Stream stream))                                         \
  X(create_event, "cuEventCreate", (Event* event, unsigned flags))                                                      \
  X(destroy_event, "cuEventDestroy_v2", (Event event))                                                                  \
  X(record_event, "cuEventRecord", (Event event, Stream stream))                                                        \
  X(event_milliseconds, "cuEventElapsedTime", (float* milliseconds, Event from, Event to))
// Null where the driver is too old for it.
#define LINNET_CUDA_LATER_FUNCTIONS(X)                                                                                  \
  X(launch_with, "cuLaunchKernelEx", (const LaunchConfig* config, Function function, void** parameters, void** extra))
// clang-format on

// All of them, or (a member of it) none yet.
struct DriverFunctions {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration's parts.
#define LINNET_CUDA_MEMBER(member, symbol, parameters) Status(*member) parameters = nullptr;
  LINNET_CUDA_FUNCTIONS(LINNET_CUDA_MEMBER)
  LINNET_CUDA_LATER_FUNCTIONS(LINNET_CUDA_MEMBER)
#undef LINNET_CUDA_MEMBER
};

}  // namespace linnet::engine::cuda
