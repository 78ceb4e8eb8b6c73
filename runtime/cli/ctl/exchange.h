// One request from its sending to its one outcome, as the requester's rules of docs/mqtt.md have it: a pure function
// of what comes in and when, so that every loss is a table in a test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/cli/ctl/reply.h"

namespace linnet::cli::ctl {

struct ExchangeLimits {
  std::chrono::milliseconds accept_time{5000};  // T: asked again when nobody accepted within it (then twice it, …).
  std::chrono::milliseconds replay_time{2000};  // A gap is asked for again after this.
  unsigned busy_retries = 5;                    // How often a device that is busy is asked again.
};

// What the network has to do next.
struct ExchangeStep {
  enum class Send : std::uint8_t {
    kNothing,
    kToFirst,   // Publish the request where it was published first: the node, or the pool.
    kToMember,  // Publish it to the member that accepted it: it answers a duplicate from its journal.
  };
  Send send = Send::kNothing;
  std::optional<std::uint64_t> replay_from;  // Ask the member for its chunks from there on.
  std::string text;                          // To show now.
  bool restarted = false;                    // The text begins afresh: another member answers differently.
};

class Exchange {
 public:
  Exchange(std::string id, const ExchangeLimits& limits) : id_(std::move(id)), limits_(limits) {}

  // Connected to the broker, first or again.
  [[nodiscard]] ExchangeStep on_connected(Clock::time_point now);
  // Something about this request from `node`.
  [[nodiscard]] ExchangeStep on_reply(std::string_view node, const Reply& reply, Clock::time_point now);
  // A device told that it is there, or the broker that it is not; `epoch` is which run of it, where it says so.
  [[nodiscard]] ExchangeStep on_presence(std::string_view node, bool online, std::optional<std::uint64_t> epoch,
                                         Clock::time_point now);
  [[nodiscard]] ExchangeStep on_time(Clock::time_point now);

  // When on_time() has something to do.
  [[nodiscard]] Clock::time_point wake_at() const;

  // Nothing while it goes on: the outcome, or the rejection that stands.
  [[nodiscard]] const std::optional<Reply>& end() const { return end_; }
  [[nodiscard]] const std::string& member() const { return member_; }  // That accepted it; empty: none yet.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] unsigned times_sent() const { return sent_; }

 private:
  struct Presence {
    bool online = true;
    std::optional<std::uint64_t> epoch;
  };

  ExchangeStep send_again(ExchangeStep::Send where, Clock::time_point now);
  void follow(std::string_view node);
  ExchangeStep on_rejected(const Reply& reply, Clock::time_point now);
  ExchangeStep on_chunk(const Reply& reply, Clock::time_point now);
  ExchangeStep on_outcome(const Reply& reply);
  void show(std::string_view whole, ExchangeStep& step);

  std::string id_;
  ExchangeLimits limits_;
  std::optional<Reply> end_;
  std::string member_;
  std::optional<std::uint64_t> member_epoch_;  // When it accepted.
  std::map<std::string, Presence, std::less<>> presences_;
  bool connected_before_ = false;
  unsigned sent_ = 0;
  unsigned busy_ = 0;
  Clock::time_point resend_at_ = Clock::time_point::max();
  Clock::time_point replay_at_ = Clock::time_point::max();  // A gap is open: ask (again) then.

  std::map<std::uint64_t, std::string> early_;  // Chunks behind a gap.
  std::uint64_t next_ = 0;                      // The chunk that comes next.
  std::string received_;                        // The text of this member's chunks before it.
  std::string shown_;
};

}  // namespace linnet::cli::ctl
