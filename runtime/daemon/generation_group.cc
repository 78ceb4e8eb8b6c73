#include "runtime/daemon/generation_group.h"

#include <algorithm>

namespace linnet::daemon {

GenerationGroup::GenerationGroup(ReadyModel& model, const EnergyMeter& energy, std::uint32_t default_max_tokens,
                                 JobListener& listener)
    : model_(model),
      energy_(energy),
      default_max_tokens_(default_max_tokens),
      listener_(listener),
      slots_(model.lanes()) {}

std::size_t GenerationGroup::occupied() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(slots_, [](const Slot& slot) { return slot.generation != nullptr; }));
}

void GenerationGroup::hold_to(std::size_t most) { most_ = most; }

std::size_t GenerationGroup::at_once() const {
  return most_ == 0 ? model_.at_once() : std::min(most_, model_.at_once());
}

bool GenerationGroup::empty() const { return occupied() == 0; }

GenerationGroup::Slot* GenerationGroup::free_slot() {
  const auto found = std::ranges::find_if(slots_, [](const Slot& slot) { return slot.generation == nullptr; });
  return found == slots_.end() ? nullptr : &*found;
}

void GenerationGroup::add(const Job& job) {
  Slot& slot = *free_slot();
  slot.job = job;
  slot.joules_before = energy_.joules(Clock::now());
  slot.order = ++begun_;
  slot.generation =
      std::make_unique<Generation>(model_, model_.lane(static_cast<std::size_t>(&slot - slots_.data())), slot.job);
  const auto started = slot.generation->start(default_max_tokens_);
  if (started) return;
  // A prompt that could not be read through broken tables is not at fault.
  const auto sound = model_.check_file();
  end(slot, sound ? started : sound);
}

Priority GenerationGroup::least_urgent() const {
  Priority least = Priority::kHigh;
  for (const Slot& slot : slots_) {
    if (slot.generation) least = std::min(least, slot.job.priority);
  }
  return least;
}

// What was put in the file's place is for the next answer: it waits until those on the old one have ended.
void GenerationGroup::let_join() {
  while (free_slot() != nullptr && !model_.replaced()) {
    auto least = Priority::kLow;
    if (occupied() >= at_once()) {
      if (least_urgent() == Priority::kHigh) return;
      least = least_urgent() == Priority::kLow ? Priority::kNormal : Priority::kHigh;
    }
    const auto job = listener_.on_room(model_.name(), least);
    if (!job) return;
    add(*job);
  }
}

void GenerationGroup::end(Slot& slot, const Result<void>& outcome) {
  Result<JobReport> report = outcome ? Result<JobReport>(slot.generation->report()) : tl::unexpected(outcome.error());
  const auto joules = energy_.joules(Clock::now());
  if (report && joules && slot.joules_before) report->joules = *joules - *slot.joules_before;
  if (report) report->joules_estimated = energy_.source() == hal::EnergySource::kEstimated;
  slot.generation.reset();  // Its sequence is free before anybody hears of the end.
  listener_.on_end(slot.job, report);
}

void GenerationGroup::leave_ended() {
  for (Slot& slot : slots_) {
    if (slot.generation && slot.generation->ended(listener_)) end(slot, {});
  }
}

// Those that advance by the next step; whose turn comes for the first time takes a sequence.
void GenerationGroup::choose() {
  std::array<Claim, kMostClaims> claims;
  std::size_t count = 0;
  for (Slot& slot : slots_) {
    if (!slot.generation) continue;
    chosen_[count] = &slot;
    claims[count++] = {.priority = slot.job.priority,
                       .order = slot.order,
                       .held = slot.generation->held_pages(),
                       .most = slot.generation->most_pages()};
  }
  const auto chosen = advancing({claims.data(), count}, at_once(), model_.engine().metrics().pages);
  running_ = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Slot& slot = *chosen_[i];
    if (!chosen[i]) continue;
    const auto begun = slot.generation->generator() != nullptr ? Result<void>() : slot.generation->begin();
    if (!begun) {
      end(slot, begun);
      continue;
    }
    chosen_[running_] = &slot;
    generators_[running_++] = slot.generation->generator();
  }
}

Result<void> GenerationGroup::advance() {
  leave_ended();
  choose();
  if (running_ == 0) return {};
  const auto computed = model_.steps().compute({generators_.data(), running_});
  // What was computed from a file that is no longer whole is thrown away before anybody sees it.
  LINNET_CHECK(model_.check_file());
  LINNET_CHECK(computed);
  model_.steps().take({generators_.data(), running_});
  for (std::size_t i = 0; i < running_; ++i) {
    if (!model_.steps().took(i)) continue;
    const auto told = chosen_[i]->generation->tell(model_.steps().taken(i), listener_);
    if (!told) end(*chosen_[i], told);
  }
  leave_ended();
  return {};
}

void GenerationGroup::fail_all(const Error& error) {
  for (Slot& slot : slots_) {
    if (slot.generation) end(slot, tl::unexpected(error));
  }
}

}  // namespace linnet::daemon
