#include "hal/linux/sensor_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace linnet::hal {
namespace {

constexpr std::size_t kSmallFile = 4096;
constexpr unsigned kMostCores = 4096;  // A list such as "0-4000000000" is nonsense, not a reason to allocate.

std::optional<std::string_view> trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::optional<unsigned> cut_number(std::string_view& text) {
  unsigned value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<std::string> read_text(const std::string& path) {
  std::array<char, kSmallFile> buffer{};
  SensorFile file(path);
  const auto text = file.text(buffer);
  if (!text) return std::nullopt;
  return std::string(*trimmed(*text));
}

std::optional<std::int64_t> read_number(const std::string& path) { return SensorFile(path).number(); }

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return names;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return strverscmp(a.c_str(), b.c_str()) < 0; });
  return names;
}

std::vector<unsigned> parse_cpu_list(std::string_view text) {
  std::vector<unsigned> cores;
  while (const auto first = cut_number(text)) {
    unsigned last = *first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = cut_number(text).value_or(*first);
    }
    if (last < *first || last >= kMostCores) break;
    for (unsigned core = *first; core <= last; ++core) cores.push_back(core);
    if (!text.starts_with(',')) break;
    text.remove_prefix(1);
  }
  return cores;
}

std::optional<std::int64_t> first_number(std::string_view text) {
  const auto start = text.find_first_of("-0123456789");
  if (start == std::string_view::npos) return std::nullopt;
  std::int64_t value = 0;
  const auto status = std::from_chars(text.data() + start, text.data() + text.size(), value).ec;
  if (status != std::errc{}) return std::nullopt;
  return value;
}

SensorFile::SensorFile(SensorFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

SensorFile& SensorFile::operator=(SensorFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

SensorFile::~SensorFile() { close(); }

void SensorFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::optional<std::string_view> SensorFile::text(std::span<char> buffer) {
  if (descriptor_ < 0) descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) return std::nullopt;
  const ssize_t count = pread(descriptor_, buffer.data(), buffer.size(), 0);
  if (count < 0) {
    if (errno == ENODEV || errno == ENOENT) close();
    return std::nullopt;
  }
  return std::string_view(buffer.data(), static_cast<std::size_t>(count));
}

std::optional<std::int64_t> SensorFile::number() {
  std::array<char, 64> buffer{};
  const auto content = text(buffer);
  if (!content || content->empty()) return std::nullopt;
  return first_number(*content);
}

}  // namespace linnet::hal
