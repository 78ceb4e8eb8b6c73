#include "hal/energy.h"

#include <chrono>

#include "hal/governor.h"

namespace linnet::hal {
namespace {

constexpr std::chrono::milliseconds kPeriod{100};

}  // namespace

std::string_view to_string(EnergySource source) {
  switch (source) {
    case EnergySource::kMeasured: return "measured";
    case EnergySource::kEstimated: return "estimated";
    case EnergySource::kAbsent: break;
  }
  return "absent";
}

void EnergySum::add(const Facts& facts, const Vitals& vitals) {
  const auto reading = module_power(facts, vitals);
  const auto last = last_;
  last_ = vitals.time;
  if (!last) return;  // What was used before is nobody's here.
  if (!reading) {
    lost_ = true;
    return;
  }
  known_ = true;
  whole_ = whole_ && reading->whole;
  joules_ +=
      static_cast<double>(reading->power.count) / 1e3 * std::chrono::duration<double>(vitals.time - *last).count();
}

Energy EnergySum::energy() const {
  if (!known_ || lost_) return {};
  return {whole_ ? EnergySource::kMeasured : EnergySource::kEstimated, joules_};
}

EnergyProbe::EnergyProbe(std::unique_ptr<Board> board) : board_(std::move(board)), vitals_(board_->empty_vitals()) {
  if (board_->facts().power_rails.empty()) return;
  sample();
  thread_ = std::thread([this] { work(); });
}

EnergyProbe::~EnergyProbe() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  ended_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Energy EnergyProbe::so_far() {
  const std::lock_guard lock(mutex_);
  sample();
  return sum_.energy();
}

void EnergyProbe::sample() {
  board_->sample(vitals_);
  sum_.add(board_->facts(), vitals_);
}

void EnergyProbe::work() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kPeriod, [this] { return ends_; })) sample();
}

}  // namespace linnet::hal
