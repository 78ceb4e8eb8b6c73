// How fast to go so that the hardware need not slow down by itself: a pure function of what the sensors say.
//
// Temperature: a share of working time is steered so that the hottest zone stays a margin under the first trip at which
// the board throttles; a board that throttles by itself loses more, and oscillates. Power: the same share keeps the
// average under a budget. What cannot be believed (a sensor that fails or sticks) is answered with caution, never with
// a stop. Nothing of the board's heat is known beforehand: the rise from cold is its only scale.
#pragma once

#include <optional>

#include "hal/board.h"
#include "runtime/base/clock.h"
#include "runtime/base/pace.h"

namespace linnet::hal {

struct GovernorBudget {
  std::optional<Milliwatts> power;  // Average of the whole board (or of the rails that it measures); absent: no limit.
};

// What the governor remembers from one sample to the next; a default one is a start.
struct GovernorHistory {
  std::optional<Clock::time_point> time;  // Of the last sample.
  double share = 0;                       // Of working time, as the temperature allows.
  double power_share = 1;                 // As the power budget does.
  std::optional<double> headroom;         // Of the last sample, in degrees.
  double slope = 0;                       // Of the headroom, degrees a second, smoothed.
  double scale = 0;                       // The widest headroom seen: how much the board has to give.
  double target = 0;                      // Headroom that is steered for: wide at first, tightened while it holds.
  std::optional<double> power;            // Smoothed, in watts.
  bool hot = false;                       // Work is refused until it has cooled.
  std::optional<Clock::time_point> distrust_until;  // A brown-out or throttling was seen.
  std::optional<std::uint64_t> throttle_events;
  std::optional<CpuTime> cpu_time;
  // A reading that does not move while the load does.
  std::optional<MilliCelsius> steady_reading;
  Clock::time_point steady_since{};
  double least_busy = 1;
  double most_busy = 0;
  bool had_sensor = false;
};

struct Governed {
  Pace pace;
  GovernorHistory history;
};

// `vitals` are a sample taken about every second (0.2 to 10 s); `history` what the call before returned.
[[nodiscard]] Governed govern(const Facts& facts, const Vitals& vitals, const GovernorBudget& budget,
                              const GovernorHistory& history);

// The zone that is nearest to where it throttles, in degrees; nothing where no zone has both a limit and a reading.
[[nodiscard]] std::optional<double> least_headroom(const Facts& facts, const Vitals& vitals);

// The module's power: its own rail, else the sum of the parts that are measured. Nothing where none is.
struct PowerReading {
  Milliwatts power;
  bool whole = false;  // Measured as a whole; else a sum of parts: an estimate from below.
};
[[nodiscard]] std::optional<PowerReading> module_power(const Facts& facts, const Vitals& vitals);

}  // namespace linnet::hal
