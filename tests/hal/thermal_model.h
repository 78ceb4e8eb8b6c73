// Boards that heat up, for the governor's tests: two nodes (silicon, and what it is mounted on) and a sensor that lags.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

#include "hal/board.h"

namespace linnet::hal::test {

// The silicon sits on a heat sink (or a circuit board), that in the air: C dT/dt = P - (difference) / R for each.
struct ThermalModel {
  double ambient = 25;  // Degrees.
  double trip = 85;     // Of the first throttling.
  double idle_watts = 2;
  double busy_watts = 8;       // Beyond idle, at full work.
  double die_resistance = 1;   // Degrees a watt, silicon to sink.
  double die_seconds = 3;      // Time constant of the silicon.
  double sink_resistance = 6;  // Sink to air.
  double sink_seconds = 300;
  int sensor_lag = 0;  // Seconds that a reading is old.

  // Where the silicon ends up at a constant share of work.
  [[nodiscard]] double settled(double share) const {
    return ambient + (idle_watts + share * busy_watts) * (die_resistance + sink_resistance);
  }
  // The best constant share that stays under the trip for ever.
  [[nodiscard]] double best_constant() const {
    const double room = (trip - ambient) / (die_resistance + sink_resistance) - idle_watts;
    return std::min(1.0, room / busy_watts);
  }
};

// The ranges are synthetic, and wide around what is known of boards: a bare Raspberry Pi 4 with four busy cores stands
// 38 K above the air (pi-plates.com, "Using a THERMOplate to Measure Temperatures on the RPi4") and its firmware
// throttles from 80 degrees on (Raspberry Pi documentation); an RK3588 has passive trips at 75 and 85, a Jetson Orin at
// 99 degrees (device trees: tests/data/boards/*/SOURCES), an Orin Nano modes of 7 and 15 W. No source was found for the
// time constants: silicon under a lid is taken to follow its power in 1 to 6 seconds, what it is mounted on in 1 to 15
// minutes.
inline ThermalModel draw_model(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) / 9007199254740992.0;
  };
  ThermalModel model;
  do {
    model.ambient = between(-10, 60);
    model.trip = between(75, 100);
    model.busy_watts = between(3, 30);
    model.idle_watts = model.busy_watts * between(0.1, 0.5);
    const double total_rise = between(20, 110);  // Of full work, beyond idle.
    const double total = total_rise / model.busy_watts;
    model.die_resistance = total * between(0.1, 0.5);
    model.sink_resistance = total - model.die_resistance;
    model.die_seconds = between(1, 6);
    model.sink_seconds = between(60, 900);
    model.sensor_lag = static_cast<int>(random() % 11);
  } while (model.best_constant() < 0.1);  // Hardly works at all, whoever steers it.
  return model;
}

// One board, second by second.
class HeatingBoard {
 public:
  explicit HeatingBoard(const ThermalModel& model)
      : model_(model),
        sink_(model.ambient + model.idle_watts * model.sink_resistance),
        die_(sink_ + model.idle_watts * model.die_resistance),
        readings_(static_cast<std::size_t>(model.sensor_lag) + 1, die_) {
    facts_.thermal_zones = {{"cpu-thermal", {{TripKind::kPassive, {static_cast<std::int64_t>(model.trip * 1000)}}}}};
    facts_.power_rails = {{"VDD_IN", true}};
  }

  // A second of work at this share.
  void run(double share) {
    constexpr int kSteps = 20;
    const double watts = model_.idle_watts + share * model_.busy_watts;
    const double die_capacity = model_.die_seconds / model_.die_resistance;
    const double sink_capacity = model_.sink_seconds / model_.sink_resistance;
    for (int step = 0; step < kSteps; ++step) {
      const double flow = (die_ - sink_) / model_.die_resistance;
      die_ += (watts - flow) / die_capacity / kSteps;
      sink_ += (flow - (sink_ - model_.ambient) / model_.sink_resistance) / sink_capacity / kSteps;
      hottest_ = std::max(hottest_, die_);
    }
    watts_ = watts;
    readings_.pop_front();
    readings_.push_back(die_);
    ++seconds_;
  }

  [[nodiscard]] const Facts& facts() const { return facts_; }
  [[nodiscard]] Vitals vitals() const {
    Vitals vitals;
    vitals.time = Clock::time_point(std::chrono::seconds(1'000'000 + seconds_));
    vitals.temperatures = {MilliCelsius{static_cast<std::int64_t>(readings_.front() * 1000)}};
    vitals.rail_powers = {Milliwatts{static_cast<std::int64_t>(watts_ * 1000)}};
    return vitals;
  }

  [[nodiscard]] double die() const { return die_; }
  [[nodiscard]] double hottest() const { return hottest_; }  // The silicon itself, whatever the sensor says.
  [[nodiscard]] ThermalModel& model() { return model_; }

 private:
  ThermalModel model_;
  double sink_;
  double die_;
  double hottest_ = -300;
  double watts_ = 0;
  std::deque<double> readings_;
  std::int64_t seconds_ = 0;
  Facts facts_;
};

}  // namespace linnet::hal::test
