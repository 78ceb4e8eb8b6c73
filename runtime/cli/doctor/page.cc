#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "runtime/cli/doctor/report.h"
#include "runtime/cli/model_summary.h"

namespace linnet::cli::doctor {
namespace {

constexpr std::size_t kLabel = 14;
constexpr std::size_t kMostLines = 12;  // Named GPIO lines that are listed.

template <class... Numbers>
std::string formatted(const char* format, Numbers... numbers) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), format, numbers...);
  return text.data();
}

std::string thousands(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

// Grows the page: headings, and rows of a label and a text.
class Page {
 public:
  void heading(const std::string& words) { text_ += (text_.empty() ? "" : "\n") + words + "\n"; }
  void row(const std::string& label, const std::string& words) {
    text_ += "  " + label + std::string(std::max(kLabel, label.size() + 1) - label.size(), ' ') + words + "\n";
  }
  void line(const std::string& words) { text_ += "  " + words + "\n"; }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  std::string text_;
};

// "0-3" of ascending numbers without gaps, "0, 2, 4" else.
std::string list_of(const std::vector<unsigned>& numbers) {
  if (numbers.size() > 1 && numbers.back() - numbers.front() + 1 == numbers.size()) {
    return std::to_string(numbers.front()) + "-" + std::to_string(numbers.back());
  }
  std::string text;
  for (const unsigned number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

// Clusters: "0-3  up to 1.80 GHz, capacity 414".
void add_cores(Page& page, const hal::Facts& facts) {
  std::map<unsigned, std::vector<const hal::Core*>> clusters;
  for (const hal::Core& core : facts.cores) clusters[core.cluster].push_back(&core);
  for (const auto& [cluster, cores] : clusters) {
    std::vector<unsigned> numbers;
    for (const hal::Core* core : cores) numbers.push_back(core->number);
    std::string words = list_of(numbers);
    const hal::Core& one = *cores.front();
    if (one.max_frequency) words += formatted(", up to %.2f GHz", static_cast<double>(one.max_frequency->count) / 1e6);
    if (one.capacity) words += ", capacity " + std::to_string(*one.capacity);
    page.row(clusters.size() == 1 ? "cores" : "cluster " + std::to_string(cluster), words);
  }
}

void add_board(Page& page, const Report& report) {
  page.heading("Board (" + report.source + ")");
  page.row("name", printable(report.facts.name));
  page.row("family", std::string(report.facts.family.empty() ? "-" : report.facts.family));
  page.row("processor", report.processor);
  add_cores(page, report.facts);
  page.row("threads", report.placement.why);
  if (report.facts.quota) page.row("time limit", formatted("%.2f cores (control group)", *report.facts.quota));
  std::string why;  // Said once where it is the same for neighbours.
  for (const KernelRow& row : report.kernels) {
    page.row("kernels", row.variant + ": " + row.families + (row.why == why ? "" : "; " + row.why));
    why = row.why;
  }
}

std::string spread_text(const limits::Spread& spread, const char* unit) {
  return formatted("%.1f %s (%.1f to %.1f)", spread.median, unit, spread.low, spread.high);
}

void add_speed(Page& page, const Report& report) {
  page.heading("Speed");
  if (report.not_run) return page.line(*report.not_run);
  for (const limits::ReadBandwidth& read : report.limits->read) {
    page.row("read memory", spread_text(read.gb_s, "GB/s") +
                                (read.threads == 1 ? ", 1 thread" : ", " + std::to_string(read.threads) + " threads"));
  }
  page.row("INT8 peak", spread_text(report.limits->int8_gop_s, "G operations/s") + ", all threads");
  page.row("INT4 weights", spread_text(report.limits->int4_weights_gb_s, "GB/s") + " as decoding reads them");
  page.row("INT8 weights", spread_text(report.limits->int8_weights_gb_s, "GB/s"));
}

std::string pressure_text(const std::optional<hal::Pressure>& pressure) {
  return pressure ? formatted("%.1f %%", pressure->some) : "not told (PSI is off)";
}

// What --read-ahead, --mlock and --huge-pages cost here, and bring.
void add_memory_options(Page& page, const limits::MemoryCosts& costs) {
  std::string words = costs.read_ahead ? formatted("%.0f ms", costs.read_ahead->median)
                                       : std::string("not by this kernel (Linux before 5.14)");
  page.row("read ahead", words + formatted(" a GB that is in the page cache; by the first tokens: %.0f ms",
                                           costs.first_touch.median));
  words = costs.lock ? formatted("%.0f ms a GB; ", costs.lock->median) : std::string("not measured; ");
  page.row("mlock", words + (costs.lock_limit ? "this process may lock " + to_string(*costs.lock_limit)
                                              : std::string("this process may lock all")));
  page.row("huge pages", costs.huge_pages
                             ? formatted("buffers are read %.2f times as fast (%.2f to %.2f)", costs.huge_pages->median,
                                         costs.huge_pages->low, costs.huge_pages->high)
                             : costs.no_huge_pages);
}

void add_memory(Page& page, const Report& report) {
  const hal::Vitals& vitals = report.vitals;
  page.heading("Memory");
  page.row("installed", to_string(report.facts.memory));
  if (vitals.memory_available) page.row("available", to_string(*vitals.memory_available));
  if (vitals.cgroup_limit) {
    std::string words = to_string(*vitals.cgroup_limit);
    if (vitals.cgroup_usage) words += ", " + to_string(*vitals.cgroup_usage) + " used";
    if (vitals.cgroup_unreclaimable) words += ", " + to_string(*vitals.cgroup_unreclaimable) + " of it for good";
    page.row("group limit", words);
  }
  page.row("for a model", report.available ? to_string(*report.available) : "not known");
  page.row("pressure", pressure_text(vitals.memory_pressure) + " of the last 10 s somebody waited for memory");
  if (report.memory_costs) add_memory_options(page, *report.memory_costs);
}

void add_sensors(Page& page, const Report& report) {
  page.heading("Temperature and power");
  for (std::size_t i = 0; i < report.facts.thermal_zones.size(); ++i) {
    const hal::ThermalZone& zone = report.facts.thermal_zones[i];
    const auto now = report.vitals.temperatures[i];
    std::string words = now ? formatted("%.1f C", static_cast<double>(now->count) / 1e3) : "does not answer";
    if (const auto limit = zone.throttles_at(); limit && now) {
      words += formatted(", slows down at %.0f C: %.1f C of headroom", static_cast<double>(limit->count) / 1e3,
                         static_cast<double>((*limit - *now).count) / 1e3);
    }
    page.row(printable(zone.name), words);
  }
  if (report.facts.thermal_zones.empty()) page.row("temperature", "no sensor");
  for (std::size_t i = 0; i < report.facts.power_rails.size(); ++i) {
    const hal::PowerRail& rail = report.facts.power_rails[i];
    const auto power = report.vitals.rail_powers[i];
    page.row(printable(rail.name),
             (power ? formatted("%.2f W", static_cast<double>(power->count) / 1e3) : "no reading yet") +
                 (rail.whole_module ? ", the whole module" : ", a part"));
  }
  if (report.facts.power_rails.empty()) page.row("power", "no sensor");
  if (report.vitals.under_voltage) page.row("supply", *report.vitals.under_voltage ? "TOO WEAK NOW" : "sound");
  if (report.vitals.throttle_events)
    page.row("slowed down", std::to_string(*report.vitals.throttle_events) + " times since boot");
}

void add_lines(Page& page, const Report& report) {
  std::map<std::string, std::pair<std::size_t, std::string>> chips;  // Lines, names.
  for (const hal::LineInfo& line : report.lines) {
    auto& [count, names] = chips[line.chip];
    if (!line.name.empty() && ++count <= kMostLines) names += (names.empty() ? "" : ", ") + printable(line.name);
  }
  if (chips.empty()) page.row("GPIO", report.no_lines.empty() ? "no lines" : report.no_lines);
  for (const auto& [chip, lines] : chips) {
    const auto& [count, names] = lines;
    page.row("GPIO", (chip.empty() ? "" : printable(chip) + ": ") + std::to_string(count) + " named lines: " + names +
                         (count > kMostLines ? ", …" : ""));
  }
}

void add_surroundings(Page& page, const Report& report) {
  page.heading("Around it");
  add_lines(page, report);
  if (report.gpu) page.row("GPU", (report.gpu->usable ? "" : "not used: ") + report.gpu->reason);
  for (const std::string& node : report.facts.accelerators) page.row("device", node);
  if (report.broker) {
    page.row("broker",
             report.broker->address + (report.broker->reachable ? " " : " is not reachable: ") + report.broker->detail);
  } else {
    page.row("broker", "none configured");
  }
}

std::string half(const limits::Advice& advice) {
  const std::string speed = advice.tokens_per_second ? formatted("%.1f", *advice.tokens_per_second) : "-";
  const std::string longest = !advice.longest ? "-" : *advice.longest == 0 ? "none" : thousands(*advice.longest);
  const char* fits = !advice.fits ? "?" : *advice.fits ? "fits" : "no";
  return formatted("%-4s %9s %8s %8s", fits, to_string(advice.needed).c_str(), speed.c_str(), longest.c_str());
}

void add_advice(Page& page, const Report& report) {
  page.heading("Models: with " + thousands(limits::kAdvisedContext) +
               " positions; tokens/s while decoding one sequence; the longest context that fits");
  const std::string columns = formatted("%-4s %9s %8s %8s", "", "needs", "tokens/s", "context");
  page.line(formatted("%-11s| INT4%s | INT8%s", "size", columns.c_str() + 4, columns.c_str() + 4));
  for (std::size_t i = 0; i + 1 < report.advice.size(); i += 2) {
    page.line(formatted("%-11s| %s | %s", std::string(report.advice[i].model->name).c_str(),
                        half(report.advice[i]).c_str(), half(report.advice[i + 1]).c_str()));
  }
}

}  // namespace

std::string page_of(const Report& report) {
  Page page;
  add_board(page, report);
  add_speed(page, report);
  add_memory(page, report);
  add_sensors(page, report);
  add_surroundings(page, report);
  add_advice(page, report);
  return page.text();
}

}  // namespace linnet::cli::doctor
