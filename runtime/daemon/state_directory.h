// Where the daemon keeps what must outlive it: the journal, the epoch; one daemon at a time.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"

namespace linnet::daemon {

// Owns the lock on the folder.
class StateDirectory {
 public:
  // Makes the folder where it is missing. Errors: kBusy (another daemon uses it). A folder that cannot be written is
  // no error: writable() tells, and nothing outlives the process then.
  [[nodiscard]] static Result<StateDirectory> open(const std::string& path);
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  [[nodiscard]] bool writable() const { return descriptor_ >= 0; }
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  // The used share of its file system.
  [[nodiscard]] double storage_used() const;

  // Larger each time, over restarts too.
  [[nodiscard]] std::uint64_t next_epoch();

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}
  void reserve_epochs();

  std::string path_;
  std::string why_not_;
  int descriptor_ = -1;  // Of the lock file.
  std::uint64_t epoch_ = 0;
  std::uint64_t reserved_ = 0;  // Numbers below it are on the disk as used.
};

}  // namespace linnet::daemon
