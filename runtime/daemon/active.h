// A request between acceptance and outcome, as the service holds it in memory.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/daemon/journal.h"
#include "runtime/daemon/request.h"
#include "runtime/daemon/service.h"
#include "runtime/daemon/stream.h"

namespace linnet::daemon {

struct Service::Active {
  Active(Request r, const JournalEntry& entry, std::size_t most_tokens, Clock::time_point now)
      : request(std::move(r)),
        key(entry.key),
        reply_topic(entry.reply_topic),
        correlation(entry.correlation),
        stream(most_tokens),
        accepted(now),
        pool_model(entry.pool_model) {}

  Request request;
  RequestKey key;
  std::string reply_topic;
  std::string correlation;
  AnswerStream stream;
  Clock::time_point accepted;
  Clock::time_point started{};
  Clock::time_point last_token{};
  std::uint64_t tokens = 0;
  std::string pool_model;  // Of a pool request: its answers bring nothing about, for it may run on two devices.
  bool running = false;
  bool stopped = false;  // Cancelled because the device stops.
  std::atomic<bool> cancelled{false};
};

}  // namespace linnet::daemon
