// Joules that a board used while something ran, and how well that is known.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "hal/board.h"

namespace linnet::hal {

enum class EnergySource : std::uint8_t {
  kAbsent,     // The board measures no power, or did not all the time.
  kEstimated,  // From the parts that it measures (a processor's package, some rails): less than the whole.
  kMeasured,   // Of the whole module.
};

[[nodiscard]] std::string_view to_string(EnergySource source);

struct Energy {
  EnergySource source = EnergySource::kAbsent;
  std::optional<double> joules;
};

// Adds up power over time. Between two samples it is taken to be that of the later one, which is what a counter of
// energy tells; a sample without power makes the sum unknown.
class EnergySum {
 public:
  void add(const Facts& facts, const Vitals& vitals);
  [[nodiscard]] Energy energy() const;

 private:
  std::optional<Clock::time_point> last_;
  double joules_ = 0;
  bool whole_ = true;
  bool known_ = false;
  bool lost_ = false;
};

// Samples a board ten times a second on a thread of its own while it lives; none is started where it has no power rail.
class EnergyProbe {
 public:
  explicit EnergyProbe(std::unique_ptr<Board> board);
  EnergyProbe(const EnergyProbe&) = delete;
  EnergyProbe& operator=(const EnergyProbe&) = delete;
  ~EnergyProbe();

  // Since the start, with a last sample of now.
  [[nodiscard]] Energy so_far();

 private:
  void sample();
  void work();

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ends_ = false;
  std::unique_ptr<Board> board_;
  Vitals vitals_;
  EnergySum sum_;
  std::thread thread_;
};

}  // namespace linnet::hal
