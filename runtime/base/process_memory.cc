#include "runtime/base/process_memory.h"

#include <malloc.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "runtime/base/pages.h"

namespace linnet {
namespace {

// The value of a line "Name:   123 kB".
std::optional<Bytes> field(const std::string& text, const std::string& name) {
  const auto line = text.find("\n" + name + ":");
  if (line == std::string::npos) return std::nullopt;
  const auto digits = text.find_first_of("0123456789\n", line + 1 + name.size());
  std::uint64_t kibibytes = 0;
  if (digits == std::string::npos) return std::nullopt;
  const auto [end, status] = std::from_chars(text.data() + digits, text.data() + text.size(), kibibytes);
  if (status != std::errc{}) return std::nullopt;
  return Bytes{kibibytes * 1024};
}

}  // namespace

Result<ProcessMemory> parse_smaps_rollup(const std::string& text) {
  const auto resident = field(text, "Rss");
  const auto anonymous = field(text, "Anonymous");
  if (!resident || !anonymous || *resident < *anonymous) {
    return fail(ErrorKind::kMalformed, "/proc/self/smaps_rollup: no memory figures in it");
  }
  return ProcessMemory{*anonymous, Bytes{resident->count - anonymous->count}};
}

Bytes anonymous_memory_now() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  if (!(file >> size >> resident >> shared) || resident < shared) return {};
  return {(resident - shared) * page_size()};
}

void return_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Result<ProcessMemory> measure_process_memory() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return fail(ErrorKind::kIo, "/proc/self/smaps_rollup: cannot be read");
  return parse_smaps_rollup("\n" + text.str());
}

}  // namespace linnet
