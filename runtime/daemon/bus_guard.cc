#include "runtime/daemon/bus_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace linnet::daemon {
namespace {

std::atomic<std::uint64_t> fault_count{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "the handler may only use lock-free atomics");

std::uintptr_t page_size = 4096;

void replace_page(int, siginfo_t* info, void*) {
  const int saved = errno;
  // BUS_ADRERR: beyond the end of a mapped file. Anything else (alignment, broken memory) is not ours to mend.
  const std::uintptr_t within = reinterpret_cast<std::uintptr_t>(info->si_addr) & (page_size - 1);
  void* const page = static_cast<std::byte*>(info->si_addr) - within;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (info->si_code != BUS_ADRERR || mmap(page, page_size, PROT_READ, flags, -1, 0) == MAP_FAILED) {
    signal(SIGBUS, SIG_DFL);  // Returning repeats the access, which now ends the process with its core.
  }
  fault_count.fetch_add(1, std::memory_order_relaxed);
  errno = saved;
}

}  // namespace

Result<void> install_bus_guard() {
  page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = replace_page;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, nullptr) != 0) {
    return fail(ErrorKind::kIo, std::string("cannot guard against files that shrink: ") + std::strerror(errno));
  }
  return {};
}

std::uint64_t bus_faults() { return fault_count.load(std::memory_order_relaxed); }

}  // namespace linnet::daemon
