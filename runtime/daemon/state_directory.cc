#include "runtime/daemon/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

namespace linnet::daemon {
namespace {

// Numbers taken at once, so that a connection that comes and goes writes nothing.
constexpr std::uint64_t kEpochsAtOnce = 1000;

}  // namespace

Result<StateDirectory> StateDirectory::open(const std::string& path) {
  StateDirectory state(path);
  std::error_code ignored;
  std::filesystem::create_directories(path, ignored);
  const int lock = ::open(state.file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (lock < 0) {
    state.why_not_ = path + ": " + std::strerror(errno);
    state.epoch_ = static_cast<std::uint64_t>(std::time(nullptr)) * kEpochsAtOnce;  // Larger, if the clock is.
    state.reserved_ = UINT64_MAX;
    return state;
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return fail(ErrorKind::kBusy, path + ": another linnetd uses this state directory");
  }
  state.descriptor_ = lock;
  std::ifstream(state.file("epoch")) >> state.epoch_;
  state.reserve_epochs();
  return state;
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      why_not_(std::move(other.why_not_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      epoch_(other.epoch_),
      reserved_(other.reserved_) {}

StateDirectory::~StateDirectory() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::uint64_t StateDirectory::next_epoch() {
  if (++epoch_ >= reserved_) reserve_epochs();
  return epoch_;
}

// Renamed into place: a power cut leaves the old number or the new one. Where it leaves the old, an epoch may repeat,
// which costs a requester one needless repetition.
void StateDirectory::reserve_epochs() {
  reserved_ = epoch_ + kEpochsAtOnce;
  const std::string fresh = file("epoch.new");
  std::ofstream(fresh) << reserved_ << '\n';
  (void)std::rename(fresh.c_str(), file("epoch").c_str());
}

double StateDirectory::storage_used() const {
  struct statvfs system {};
  if (statvfs(path_.c_str(), &system) != 0 || system.f_blocks == 0) return 0;
  return 1 - static_cast<double>(system.f_bavail) / static_cast<double>(system.f_blocks);
}

}  // namespace linnet::daemon
