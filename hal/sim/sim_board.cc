#include "hal/sim/sim_board.h"

#include <algorithm>
#include <utility>

#include "hal/sim/sim_file.h"
#include "hal/sim/sim_gpio.h"
#include "runtime/base/mapped_file.h"

namespace linnet::hal {
namespace {

class PlayedBoard final : public SimBoard {
 public:
  explicit PlayedBoard(SimFile file)
      : file_(std::move(file)), start_(Clock::now()), gpio_(std::move(file_.lines), start_) {}

  Result<void> open_record() { return file_.record.empty() ? Result<void>() : gpio_.record_to(file_.record); }

  const Facts& facts() const override { return file_.facts; }
  Gpio* gpio() override { return &gpio_; }
  FrequencyHold* frequency_hold() override { return nullptr; }
  std::vector<LineChange> line_changes() const override { return gpio_.changes(); }
  void on_line_change(std::function<void(const LineChange&)> listener) override {
    gpio_.on_change(std::move(listener));
  }

  void sample(Vitals& vitals) override {
    vitals.time = Clock::now();
    const SimVitals* now = current(vitals.time);
    static const SimVitals kNothing;
    if (now == nullptr) now = &kNothing;
    vitals.memory_available = now->memory_available;
    vitals.cgroup_limit = now->cgroup_limit;
    vitals.cgroup_usage = now->cgroup_usage;
    vitals.memory_pressure = now->memory_pressure;
    vitals.cgroup_pressure = now->cgroup_pressure;
    vitals.cpu_pressure = vitals.io_pressure = std::nullopt;
    vitals.cpu_time = now->cpu_time;
    vitals.network = now->network;
    vitals.throttle_events = now->throttle_events;
    copy_named(file_.facts.thermal_zones, now->temperatures, vitals.temperatures);
    copy_named(file_.facts.power_rails, now->rails, vitals.rail_powers);
    std::fill(vitals.frequencies.begin(), vitals.frequencies.end(), now->frequency);
  }

 private:
  // The entry that holds at `time`, or null before the first.
  const SimVitals* current(Clock::time_point time) const {
    if (file_.vitals.empty()) return nullptr;
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(time - start_);
    if (file_.repeat && file_.vitals.back().at.count() > 0) elapsed %= file_.vitals.back().at;
    const SimVitals* latest = nullptr;
    for (const SimVitals& entry : file_.vitals) {
      if (entry.at <= elapsed) latest = &entry;
    }
    return latest;
  }

  template <class Fact, class Unit>
  static void copy_named(const std::vector<Fact>& facts, const std::map<std::string, Unit>& values,
                         std::vector<std::optional<Unit>>& out) {
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const auto found = values.find(facts[i].name);
      out[i] = found == values.end() ? std::nullopt : std::optional(found->second);
    }
  }

  SimFile file_;
  Clock::time_point start_;
  SimGpio gpio_;
};

}  // namespace

Result<std::unique_ptr<SimBoard>> SimBoard::parse(std::string_view toml, std::string_view name_for_errors) {
  LINNET_TRY(SimFile file, parse_sim_file(toml, name_for_errors));
  auto board = std::make_unique<PlayedBoard>(std::move(file));
  LINNET_CHECK(board->open_record());
  return board;
}

Result<std::unique_ptr<SimBoard>> SimBoard::load(const std::string& path) {
  LINNET_TRY(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace linnet::hal
