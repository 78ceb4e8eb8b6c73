#include "hal/governor.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace linnet::hal {
namespace {

constexpr double kLeastShare = 0.05;
constexpr double kFirstShare = 0.3;     // Until a board has shown how it heats; where it is warm already, less:
constexpr double kCoolest = 100;        // full work is taken to heat silicon by no more than so many degrees at once.
constexpr double kCautiousShare = 0.5;  // Without a sensor that can be believed.
constexpr double kWeakSupplyShare = 0.4;
constexpr auto kDistrust = std::chrono::seconds(60);

// The controller, in units of `scale` (the widest headroom seen). Steers for a headroom that is a wide share of the
// scale at first and is tightened towards the margin only while the board stays near it: what a board's silicon and
// sink will do is not known, what they did not do is. Chosen on two-node models (tests/hal/governor_models_test.cc).
constexpr double kMarginShare = 0.02;  // Of the scale, at least kLeastMargin, in degrees.
constexpr double kLeastMargin = 0.8;
constexpr double kLeastScale = 35;     // A board that starts hot has told nothing of what it could give.
constexpr double kFirstTarget = 0.24;  // Of the headroom there is.
constexpr double kTightening = 200;    // Seconds in which the target comes closer by a factor of e.
constexpr double kNear = 0.3;          // Of the target: how close is near.
constexpr double kWidening = 0.05;     // A second, where the headroom is half of what was steered for.
constexpr double kHorizon = 20;        // Seconds of the present slope that a sensor may hide.
constexpr double kProportional = 0.4;
constexpr double kIntegral = 0.008;    // A second.
constexpr double kShortTime = 40;      // Seconds to the trip at the present slope in which there is no time for that.
constexpr double kHurriedFall = 0.02;  // Share a second, then.
constexpr double kFastestRise = 0.02;  // Share a second.
constexpr double kFar = 3;          // Times the target (or kLeastFar degrees, if that is more): so much headroom, still
constexpr double kLeastFar = 12;    // there after kFarHorizon seconds of the present slope, is not waited with: the
constexpr double kFarHorizon = 40;  // share rises by kEagerRise a second. A cool board is at full speed in one to two
constexpr double kEagerRise = 0.015;  // minutes instead of three.
constexpr double kFastestFall = 0.15;
constexpr double kSlopeSmoothing = 4;  // Seconds.
constexpr double kPowerSmoothing = 20;
constexpr double kCooledDegrees = 3;  // Under the margin, before refused work is taken again.

// A reading that stayed the same to the last digit while the processor went from idle to busy.
constexpr auto kStuckAfter = std::chrono::seconds(60);
constexpr double kIdle = 0.2;
constexpr double kBusy = 0.6;

double degrees(MilliCelsius value) { return static_cast<double>(value.count) / 1e3; }

std::optional<MilliCelsius> hottest(const Vitals& vitals) {
  std::optional<MilliCelsius> most;
  for (const auto& value : vitals.temperatures) {
    if (value && (!most || *value > *most)) most = value;
  }
  return most;
}

double blend(double old, double now, double seconds, double smoothing) {
  return old + (now - old) * std::min(1.0, seconds / smoothing);
}

// One step. Takes the old history and leaves the new one.
class Step {
 public:
  Step(const Facts& facts, const Vitals& vitals, const GovernorBudget& budget, const GovernorHistory& history)
      : facts_(facts), vitals_(vitals), budget_(budget), next_(history) {
    seconds_ = history.time ? std::chrono::duration<double>(vitals.time - *history.time).count() : 0;
    seconds_ = std::clamp(seconds_, 0.0, 10.0);
    if (!history.time) next_.share = kFirstShare;
    next_.time = vitals.time;
  }

  Governed run() {
    note_load();
    Pace pace;
    steer_temperature(pace);
    steer_power(pace);
    heed_alarms(pace);
    pace.work_share = std::clamp(pace.work_share, kLeastShare, 1.0);
    if (pace.work_share >= 1 && pace.admit) pace.reason = {};
    return {pace, next_};
  }

 private:
  void steer_temperature(Pace& pace) {
    const auto headroom = least_headroom(facts_, vitals_);
    if (!headroom || is_stuck()) return be_cautious(pace, headroom.has_value());
    if (!next_.had_sensor) next_.share = std::clamp(*headroom / kCoolest, kLeastShare, next_.share);
    next_.had_sensor = true;
    next_.scale = std::max({next_.scale, *headroom, kLeastScale});
    follow(*headroom);
    pace.work_share = next_.share;
    pace.reason = "temperature";
    refuse_when_hot(pace, *headroom);
  }

  // Moves the share by what the headroom and its slope say.
  void follow(double headroom) {
    retarget(headroom);
    if (next_.headroom && seconds_ > 0) {
      const double change = headroom - *next_.headroom;
      next_.slope = blend(next_.slope, change / seconds_, seconds_, kSlopeSmoothing);
      // Only a fall looks ahead: what rises is already on its way to safety.
      const double ahead = headroom - next_.target + kHorizon * std::min(0.0, next_.slope);
      double step = (kProportional * change + kIntegral * ahead * seconds_) / next_.scale;
      const bool is_far = headroom + kFarHorizon * next_.slope > kFar * std::max(next_.target, kLeastFar);
      if (is_far) step = std::max(step, kEagerRise * seconds_);
      // A fan that fails, sunshine: what holds a calm board is too slow for that.
      if (headroom + kShortTime * next_.slope < 0) step = std::min(step, -kHurriedFall * seconds_);
      next_.share += std::clamp(step, -kFastestFall * seconds_, kFastestRise * seconds_);
    }
    next_.share = std::clamp(next_.share, kLeastShare, 1.0);
    next_.headroom = headroom;
  }

  void retarget(double headroom) {
    if (headroom > 2 * next_.target) next_.target = std::max(next_.target, kFirstTarget * headroom);
    if (headroom < next_.target / 2) next_.target *= 1 + kWidening * seconds_;
    const bool near = std::abs(headroom - next_.target) < kNear * next_.target;
    if (near) next_.target -= (next_.target - margin()) * std::min(1.0, seconds_ / kTightening);
    next_.target = std::clamp(next_.target, margin(), std::max(margin(), kFirstTarget * next_.scale));
  }

  void refuse_when_hot(Pace& pace, double headroom) {
    if (headroom <= 0 && next_.share <= kLeastShare) next_.hot = true;
    if (headroom > margin() + kCooledDegrees) next_.hot = false;
    if (!next_.hot) return;
    pace.admit = false;
    pace.reason = "too hot";
  }

  [[nodiscard]] double margin() const { return std::max(kLeastMargin, kMarginShare * next_.scale); }

  // A board that never had a limit to watch runs as it likes; one whose sensor was lost or sticks does not.
  void be_cautious(Pace& pace, bool sticks) {
    next_.headroom.reset();
    next_.slope = 0;
    if (!next_.had_sensor && !sticks) return;
    next_.share = std::min(next_.share, kCautiousShare);
    pace.work_share = next_.share;
    pace.reason = sticks ? "the temperature sensor sticks" : "no temperature any more";
  }

  void steer_power(Pace& pace) {
    const auto reading = module_power(facts_, vitals_);
    if (!budget_.power || !reading) return;
    const double watts = static_cast<double>(reading->power.count) / 1e3;
    const double allowed = std::max(0.1, static_cast<double>(budget_.power->count) / 1e3);
    next_.power = blend(next_.power.value_or(watts), watts, seconds_, kPowerSmoothing);
    const double excess = (allowed * 0.99 - *next_.power) / allowed;
    next_.power_share = std::clamp(next_.power_share + 0.05 * excess * seconds_, kLeastShare, 1.0);
    if (next_.power_share >= pace.work_share) return;
    pace.work_share = next_.power_share;
    pace.reason = "power budget";
  }

  void heed_alarms(Pace& pace) {
    const bool throttled =
        vitals_.throttle_events && next_.throttle_events && *vitals_.throttle_events > *next_.throttle_events;
    if (vitals_.throttle_events) next_.throttle_events = vitals_.throttle_events;
    if (throttled || vitals_.under_voltage.value_or(false)) next_.distrust_until = vitals_.time + kDistrust;
    if (!next_.distrust_until || vitals_.time >= *next_.distrust_until) return;
    // Pauses lower the average, answers one at a time the peak.
    pace.work_share = std::min(pace.work_share, kWeakSupplyShare);
    pace.most_together = 1;
    pace.reason = throttled || !vitals_.under_voltage.value_or(false) ? "the board slowed down" : "the supply is weak";
  }

  // Remembers how busy the processor was while the hottest reading stayed the same.
  void note_load() {
    const auto now = hottest(vitals_);
    if (now != next_.steady_reading) {
      next_.steady_reading = now;
      next_.steady_since = vitals_.time;
      next_.least_busy = 1;
      next_.most_busy = 0;
    }
    if (vitals_.cpu_time && next_.cpu_time && vitals_.cpu_time->total > next_.cpu_time->total) {
      const double busy = static_cast<double>(vitals_.cpu_time->busy - next_.cpu_time->busy) /
                          static_cast<double>(vitals_.cpu_time->total - next_.cpu_time->total);
      next_.least_busy = std::min(next_.least_busy, busy);
      next_.most_busy = std::max(next_.most_busy, busy);
    }
    next_.cpu_time = vitals_.cpu_time;
  }

  [[nodiscard]] bool is_stuck() const {
    return next_.steady_reading && vitals_.time - next_.steady_since >= kStuckAfter && next_.least_busy < kIdle &&
           next_.most_busy > kBusy;
  }

  const Facts& facts_;
  const Vitals& vitals_;
  const GovernorBudget& budget_;
  GovernorHistory next_;
  double seconds_ = 0;
};

}  // namespace

std::optional<double> least_headroom(const Facts& facts, const Vitals& vitals) {
  std::optional<double> least;
  for (std::size_t i = 0; i < facts.thermal_zones.size(); ++i) {
    const auto limit = facts.thermal_zones[i].throttles_at();
    if (!limit || !vitals.temperatures[i]) continue;
    const double headroom = degrees(*limit - *vitals.temperatures[i]);
    least = std::min(headroom, least.value_or(headroom));
  }
  return least;
}

std::optional<PowerReading> module_power(const Facts& facts, const Vitals& vitals) {
  std::optional<PowerReading> parts;
  for (std::size_t i = 0; i < facts.power_rails.size(); ++i) {
    const auto& power = vitals.rail_powers[i];
    if (facts.power_rails[i].whole_module) {
      if (power) return PowerReading{*power, true};
      continue;
    }
    if (power) parts = PowerReading{parts ? parts->power + *power : *power, false};
  }
  // A board that has a rail of the whole keeps silent while that fails: parts would be another quantity.
  const bool has_whole = std::ranges::any_of(facts.power_rails, &PowerRail::whole_module);
  return has_whole ? std::nullopt : parts;
}

Governed govern(const Facts& facts, const Vitals& vitals, const GovernorBudget& budget,
                const GovernorHistory& history) {
  return Step(facts, vitals, budget, history).run();
}

}  // namespace linnet::hal
