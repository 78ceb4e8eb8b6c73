// Files of sysfs and procfs: read whole once, or kept open and read again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::hal {

// The first 4 KiB of a small text file, without trailing newline and NULs; nothing where it cannot be read.
[[nodiscard]] std::optional<std::string> read_text(const std::string& path);

// The first number of such a file.
[[nodiscard]] std::optional<std::int64_t> read_number(const std::string& path);

// Names in a folder, sorted as people count ("cpu2" before "cpu10"); empty where it is absent.
[[nodiscard]] std::vector<std::string> list_folder(const std::string& path);

// "0-3,5" as the kernel writes sets of cores.
[[nodiscard]] std::vector<unsigned> parse_cpu_list(std::string_view text);

// The first decimal number in `text`.
[[nodiscard]] std::optional<std::int64_t> first_number(std::string_view text);

// One file that is sampled: opened when first read, kept open, read with pread. A read that fails (a gated sensor
// answers EAGAIN, ENODATA or EIO) gives nothing; a file that went away is opened anew next time. Allocates nothing when
// sampled.
class SensorFile {
 public:
  explicit SensorFile(std::string path) : path_(std::move(path)) {}
  SensorFile(SensorFile&& other) noexcept;
  SensorFile& operator=(SensorFile&& other) noexcept;
  ~SensorFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::optional<std::int64_t> number();
  // Reads up to `buffer.size()` bytes; the text lies in `buffer`.
  [[nodiscard]] std::optional<std::string_view> text(std::span<char> buffer);

 private:
  void close();

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace linnet::hal
