#include "runtime/engine/cuda/driver.h"

#include <dlfcn.h>

#include <string>

namespace linnet::engine::cuda {
namespace {

ErrorKind kind_of(Status status) {
  switch (status) {
    case kOutOfMemory: return ErrorKind::kExhausted;
    case kNoDevice:
    case kStubLibrary: return ErrorKind::kAbsent;
    case kNoBinaryForGpu:
    case kInvalidPtx:
    case kUnsupportedPtxVersion:
    case kNotFound: return ErrorKind::kUnsupported;
    default: return ErrorKind::kDeviceLost;
  }
}

// The loader's words, which may span lines.
std::string loader_error() {
  const char* const words = dlerror();
  std::string text = words != nullptr ? words : "not found";
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<DriverFunctions> load_driver() {
  // Never closed: the driver's threads and exit handlers outlive every engine.
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(ErrorKind::kAbsent, "no CUDA driver: " + loader_error());
  DriverFunctions functions;
  const char* missing = nullptr;
#define LINNET_CUDA_FIND(member, symbol, parameters)                                       \
  functions.member = reinterpret_cast<decltype(functions.member)>(dlsym(library, symbol)); \
  if (functions.member == nullptr && missing == nullptr) missing = symbol;
  LINNET_CUDA_FUNCTIONS(LINNET_CUDA_FIND)
#undef LINNET_CUDA_FIND
#define LINNET_CUDA_FIND(member, symbol, parameters) \
  functions.member = reinterpret_cast<decltype(functions.member)>(dlsym(library, symbol));
  LINNET_CUDA_LATER_FUNCTIONS(LINNET_CUDA_FIND)
#undef LINNET_CUDA_FIND
  if (missing == nullptr) return functions;
  return fail(ErrorKind::kUnsupported,
              std::string("the CUDA driver has no ") + missing + ": it is older than CUDA 11.4");
}

Result<void> Driver::check(Status status, std::string_view doing) const {
  if (status == kSuccess) return {};
  const char* name = nullptr;
  if (functions_.error_name(status, &name) != kSuccess || name == nullptr) name = "an unknown error";
  return fail(kind_of(status), "CUDA: " + std::string(doing) + ": " + name + " (" + std::to_string(status) + ")");
}

}  // namespace linnet::engine::cuda
