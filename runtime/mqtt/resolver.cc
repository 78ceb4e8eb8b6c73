#include "runtime/mqtt/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <thread>

namespace linnet::mqtt {
namespace {

constexpr std::chrono::milliseconds kSlice{100};

int look_up(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code == 0) freeaddrinfo(list);
  return code;
}

}  // namespace

void Resolver::ask() {
  query_ = std::make_shared<Query>();
  std::thread([query = query_, host = host_] {
    const int code = look_up(host, 0);
    {
      const std::lock_guard lock(query->mutex);
      query->done = true;
      query->code = code;
    }
    query->answered.notify_all();
  }).detach();
}

Result<void> Resolver::resolve(Clock::duration limit, FunctionRef<bool()> go_on) {
  if (look_up(host_, AI_NUMERICHOST) == 0) return {};
  if (!query_) ask();
  const auto end = Clock::now() + limit;
  std::unique_lock lock(query_->mutex);
  while (!query_->done && Clock::now() < end && go_on()) query_->answered.wait_for(lock, kSlice);
  if (!query_->done) return fail(ErrorKind::kBusy, host_ + ": the resolver does not answer");
  const int code = query_->code;
  lock.unlock();
  query_.reset();
  if (code == 0) return {};
  return fail(ErrorKind::kAbsent, host_ + ": " + gai_strerror(code));
}

}  // namespace linnet::mqtt
