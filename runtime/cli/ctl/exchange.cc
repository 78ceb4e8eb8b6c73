#include "runtime/cli/ctl/exchange.h"

#include <algorithm>
#include <utility>

namespace linnet::cli::ctl {
namespace {

constexpr std::chrono::milliseconds kShortestRetry{100};
constexpr unsigned kMostDoublings = 4;
constexpr int kServerBusy = 0x89;
// Chunks that are kept behind a gap: a member that sends more is not waiting for the replay either, and the outcome
// has the whole text.
constexpr std::size_t kMostEarly = 4096;

}  // namespace

ExchangeStep Exchange::send_again(ExchangeStep::Send where, Clock::time_point now) {
  // Each time without an answer twice as long: a broker that is down is not helped by haste.
  resend_at_ = now + limits_.accept_time * (1 << std::min(sent_, kMostDoublings));
  ++sent_;
  ExchangeStep step;
  step.send = where;
  return step;
}

ExchangeStep Exchange::on_connected(Clock::time_point now) {
  const bool again = std::exchange(connected_before_, true);
  if (end_ || (!again && sent_ > 0)) return {};
  // What was said while we were away is lost: the member that has the request tells its state again.
  return send_again(member_.empty() ? ExchangeStep::Send::kToFirst : ExchangeStep::Send::kToMember, now);
}

void Exchange::follow(std::string_view node) {
  resend_at_ = Clock::time_point::max();
  if (member_ == node) return;
  member_ = node;
  const auto found = presences_.find(node);
  member_epoch_ = found == presences_.end() ? std::nullopt : found->second.epoch;
  early_.clear();
  received_.clear();
  next_ = 0;
  replay_at_ = Clock::time_point::max();
}

ExchangeStep Exchange::on_reply(std::string_view node, const Reply& reply, Clock::time_point now) {
  if (end_) return {};
  switch (reply.kind) {
    case Reply::Kind::kAccepted: follow(node); return {};
    case Reply::Kind::kRejected: return on_rejected(reply, now);
    case Reply::Kind::kChunk:
      if (member_.empty()) follow(node);  // Its `accepted` was lost.
      return node == member_ ? on_chunk(reply, now) : ExchangeStep{};
    case Reply::Kind::kOutcome: return on_outcome(reply);
  }
  return {};
}

ExchangeStep Exchange::on_rejected(const Reply& reply, Clock::time_point now) {
  // Another member, or a second copy, was refused: the one that accepted still works on it.
  if (!member_.empty()) return {};
  if (reply.code == kServerBusy && busy_ < limits_.busy_retries) {
    ++busy_;
    resend_at_ = now + std::max(reply.retry_after, kShortestRetry);
    return {};
  }
  end_ = reply;
  return {};
}

ExchangeStep Exchange::on_chunk(const Reply& reply, Clock::time_point now) {
  ExchangeStep step;
  if (reply.sequence >= next_ && early_.size() < kMostEarly) early_.emplace(reply.sequence, *reply.text);
  while (!early_.empty() && early_.begin()->first == next_) {
    received_ += early_.begin()->second;
    early_.erase(early_.begin());
    ++next_;
  }
  show(received_, step);
  if (early_.empty()) {
    replay_at_ = Clock::time_point::max();
  } else if (replay_at_ == Clock::time_point::max()) {
    replay_at_ = now + limits_.replay_time;
    step.replay_from = next_;
  }
  return step;
}

ExchangeStep Exchange::on_outcome(const Reply& reply) {
  ExchangeStep step;
  end_ = reply;
  if (reply.text) show(*reply.text, step);
  return step;
}

// What of `whole` was not shown yet. Where a second member repeats what the first one said, nothing is shown twice.
void Exchange::show(std::string_view whole, ExchangeStep& step) {
  if (std::string_view(shown_).starts_with(whole)) return;
  if (whole.starts_with(shown_)) {
    step.text = whole.substr(shown_.size());
  } else {
    step.restarted = true;
    step.text = whole;
  }
  shown_ = whole;
}

ExchangeStep Exchange::on_presence(std::string_view node, bool online, std::optional<std::uint64_t> epoch,
                                   Clock::time_point now) {
  Presence& known = presences_[std::string(node)];
  // A will that comes late speaks of a run that is over.
  if (!online && epoch && known.epoch && *epoch < *known.epoch) return {};
  known.online = online;
  if (epoch) known.epoch = epoch;
  if (end_ || node != member_ || member_.empty()) return {};
  if (online && !member_epoch_) member_epoch_ = epoch;
  const bool another_run = online && epoch && member_epoch_ && *epoch != *member_epoch_;
  if (another_run) member_epoch_ = epoch;
  if (online && !another_run) return {};
  return send_again(online ? ExchangeStep::Send::kToMember : ExchangeStep::Send::kToFirst, now);
}

ExchangeStep Exchange::on_time(Clock::time_point now) {
  if (end_) return {};
  if (now >= resend_at_) {
    return send_again(member_.empty() ? ExchangeStep::Send::kToFirst : ExchangeStep::Send::kToMember, now);
  }
  ExchangeStep step;
  if (now >= replay_at_) {
    replay_at_ = now + limits_.replay_time;
    step.replay_from = next_;
  }
  return step;
}

Clock::time_point Exchange::wake_at() const { return std::min(resend_at_, replay_at_); }

}  // namespace linnet::cli::ctl
