// Counts every call that takes memory from the C library or the kernel.
//
// Linked into a test, or loaded before a program (LD_PRELOAD) so that `linnet bench` reports
// heap_allocations_per_token: it finds `linnet_allocation_count` by dlsym. glibc's own entry points do the work.
#undef _FILE_OFFSET_BITS  // mmap and mmap64 are both played here, each under its own name on 32-bit boards too.

#include <dlfcn.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

// glibc's names for its allocator; declared nowhere, exported since 2.0.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* pointer, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

std::atomic<std::uint64_t> calls{0};
// Initial-exec: reading it must not allocate, which a library's thread-local storage may do the first time.
__attribute__((tls_model("initial-exec"))) thread_local std::uint64_t calls_of_thread = 0;

void count() {
  calls.fetch_add(1, std::memory_order_relaxed);
  ++calls_of_thread;
}

// The next definition of a function behind this one. dlsym itself may allocate, which is counted and does no harm.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define LINNET_EXPORT extern "C" __attribute__((visibility("default")))

// The C library names its parameters in the reserved way, which is not ours.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

// How many calls there were in this process so far.
LINNET_EXPORT std::uint64_t linnet_allocation_count() { return calls.load(std::memory_order_relaxed); }

// How many of the calling thread.
LINNET_EXPORT std::uint64_t linnet_thread_allocation_count() { return calls_of_thread; }

LINNET_EXPORT void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}

LINNET_EXPORT void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}

LINNET_EXPORT void* realloc(void* pointer, std::size_t size) {
  count();
  return __libc_realloc(pointer, size);
}

LINNET_EXPORT void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

LINNET_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

LINNET_EXPORT void* valloc(std::size_t size) {
  count();
  return __libc_memalign(4096, size);
}

LINNET_EXPORT int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  count();
  void* pointer = __libc_memalign(alignment, size);
  if (pointer == nullptr) return ENOMEM;
  *out = pointer;
  return 0;
}

LINNET_EXPORT void* mmap(void* address, std::size_t length, int protection, int flags, int file, off_t offset) {
  static const auto original = next<void* (*)(void*, std::size_t, int, int, int, off_t)>("mmap");
  count();
  return original(address, length, protection, flags, file, offset);
}

LINNET_EXPORT void* mmap64(void* address, std::size_t length, int protection, int flags, int file, off64_t offset) {
  static const auto original = next<void* (*)(void*, std::size_t, int, int, int, off64_t)>("mmap64");
  count();
  return original(address, length, protection, flags, file, offset);
}

LINNET_EXPORT int munmap(void* address, std::size_t length) {
  static const auto original = next<int (*)(void*, std::size_t)>("munmap");
  count();
  return original(address, length);
}

LINNET_EXPORT void* sbrk(std::intptr_t increment) {
  static const auto original = next<void* (*)(std::intptr_t)>("sbrk");
  count();
  return original(increment);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
