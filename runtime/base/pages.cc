#include "runtime/base/pages.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

// Newer than the headers of some systems that this is built on; a kernel that does not know them says EINVAL.
#ifndef MADV_COLD
#  define MADV_COLD 20
#endif
#ifndef MADV_POPULATE_READ
#  define MADV_POPULATE_READ 22
#endif

namespace linnet {
namespace {

// How far the address lies behind the start of its page.
std::size_t offset_in_page(const std::byte* address) { return reinterpret_cast<std::uintptr_t>(address) % page_size(); }

int advise(std::span<const std::byte> pages, int advice) {
  if (pages.empty()) return 0;
  return madvise(const_cast<std::byte*>(pages.data()), pages.size(), advice) == 0 ? 0 : errno;
}

// Whether this process may lock more than its limit: bit 14 of the effective capabilities.
bool may_pass_lock_limit() {
  constexpr unsigned kIpcLock = 14;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("CapEff:")) continue;
    return (std::strtoull(line.c_str() + std::strlen("CapEff:"), nullptr, 16) >> kIpcLock & 1) != 0;
  }
  return false;
}

}  // namespace

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::span<const std::byte> whole_pages(std::span<const std::byte> part) {
  const std::size_t page = page_size();
  const std::size_t skipped = (page - offset_in_page(part.data())) % page;
  if (skipped >= part.size()) return part.first(0);
  return part.subspan(skipped, (part.size() - skipped) / page * page);
}

std::span<const std::byte> touched_pages(std::span<const std::byte> part) {
  const std::size_t page = page_size();
  const std::size_t before = offset_in_page(part.data());
  return {part.data() - before, (before + part.size() + page - 1) / page * page};
}

std::optional<Bytes> lock_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || may_pass_lock_limit()) return {};
  return Bytes{limit.rlim_cur};
}

Result<void> lock_pages(std::span<const std::byte> part) {
  if (part.empty() || mlock(part.data(), part.size()) == 0) return {};
  const std::string why = std::strerror(errno);
  const auto limit = lock_limit();
  return fail(ErrorKind::kDenied,
              why + (limit ? "; this process may lock " + to_string(*limit) + " (ulimit -l, LimitMEMLOCK= of a unit)"
                           : std::string()));
}

Result<void> use_huge_pages(std::span<std::byte> part) {
  constexpr const char* kSwitch = "/sys/kernel/mm/transparent_hugepage/enabled";
  std::ifstream file(kSwitch);
  std::string choice;
  std::getline(file, choice);
  if (choice.find("[never]") != std::string::npos) {
    return fail(ErrorKind::kUnsupported, std::string("huge pages are switched off: ") + kSwitch + " says never");
  }
  const int error = advise(whole_pages(part), MADV_HUGEPAGE);
  if (error == 0) return {};
  return fail(ErrorKind::kUnsupported, std::string("the kernel gives no huge pages: ") + std::strerror(error));
}

Result<void> read_pages(std::span<const std::byte> part) {
  const int error = advise(touched_pages(part), MADV_POPULATE_READ);
  if (error == 0) return {};
  if (error == EINVAL) {
    return fail(ErrorKind::kUnsupported, "the kernel has no MADV_POPULATE_READ (Linux 5.14)");
  }
  return fail(ErrorKind::kIo, std::string("pages cannot be read ahead: ") + std::strerror(error));
}

std::size_t resident_bytes(std::span<const std::byte> part) {
  std::array<unsigned char, 1024> map{};
  const std::size_t page = page_size();
  std::size_t resident = 0;
  for (auto rest = touched_pages(part); !rest.empty();) {
    const std::size_t size = std::min(rest.size(), map.size() * page);
    if (mincore(const_cast<std::byte*>(rest.data()), size, map.data()) != 0) return resident + rest.size();
    for (std::size_t i = 0; i < size / page; ++i) resident += (map[i] & 1U) != 0 ? page : 0;
    rest = rest.subspan(size);
  }
  return resident;
}

void will_need(std::span<const std::byte> part) { static_cast<void>(advise(touched_pages(part), MADV_WILLNEED)); }

void expect(Access access, std::span<const std::byte> part) {
  static_cast<void>(advise(whole_pages(part), access == Access::kRandom ? MADV_RANDOM : MADV_NORMAL));
}

void is_cold(std::span<const std::byte> part) { static_cast<void>(advise(whole_pages(part), MADV_COLD)); }

std::size_t give_back(std::span<std::byte> part) {
  const auto pages = whole_pages(part);
  const std::size_t in_memory = resident_bytes(pages);
  return in_memory != 0 && advise(pages, MADV_DONTNEED) == 0 ? in_memory : 0;
}

}  // namespace linnet
