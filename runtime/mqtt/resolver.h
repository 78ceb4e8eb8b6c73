// Asks the system for a host's address on a thread of its own: the system's resolver cannot be interrupted.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"

namespace linnet::mqtt {

// For one host. The thread that asks outlives the resolver where the system does not answer; there is one at most.
class Resolver {
 public:
  explicit Resolver(std::string host) : host_(std::move(host)) {}

  // Whether the name leads anywhere. Waits at most `limit`, and only while `go_on()`, which it calls ten times a
  // second. Errors: kAbsent (no such name, or nobody to ask), kBusy (no answer yet: the next call goes on waiting for
  // it).
  [[nodiscard]] Result<void> resolve(Clock::duration limit, FunctionRef<bool()> go_on);

 private:
  struct Query {
    std::mutex mutex;
    std::condition_variable answered;
    bool done = false;
    int code = 0;  // Of getaddrinfo.
  };

  void ask();

  std::string host_;
  std::shared_ptr<Query> query_;  // Not yet answered; else null.
};

}  // namespace linnet::mqtt
