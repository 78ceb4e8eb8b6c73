#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>

#include "hal/cpu.h"
#include "hal/cpu_decode.h"
#include "hal/linux/gpio_plugin.h"
#include "hal/linux/linux_board.h"
#include "hal/linux/sensor_file.h"
#include "hal/memory_pressure.h"
#include "hal/sim/sim_board.h"
#include "runtime/cli/doctor/report.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/progress.h"
#include "runtime/engine/cuda/kernel_module.h"
#include "runtime/engine/kernel_set.h"
#include "runtime/language/machine.h"

namespace linnet::cli::doctor {
namespace {

constexpr std::string_view kSimulated = "sim:";

std::string names_of(const CpuFeatures& cpu) {
  std::string text;
  const auto add = [&](bool has, const char* name) {
    if (has) text += (text.empty() ? "" : " ") + std::string(name);
  };
  add(cpu.avx2, "avx2");
  add(cpu.avx_vnni, "avx_vnni");
  add(cpu.avx512_vnni, "avx512_vnni");
  add(cpu.amx_int8, "amx_int8");
  add(cpu.neon, "neon");
  add(cpu.dotprod, "dotprod");
  add(cpu.i8mm, "i8mm");
  add(cpu.sve2, "sve2");
  return text.empty() ? "no vector instructions that Linnet uses" : text;
}

// The board, and whether it is the machine that this program runs on.
struct Place {
  std::unique_ptr<hal::Board> board;
  std::string source;
  std::string processor;
  bool is_here = false;
  std::string no_lines;
};

Result<Place> open_place(const std::string& choice) {
  Place place;
  if (choice.starts_with(kSimulated)) {
    const std::string file = choice.substr(kSimulated.size());
    LINNET_TRY(place.board, hal::SimBoard::load(file));
    place.source = "simulated by " + file;
    place.processor = "simulated (" + names_of(place.board->facts().cpu) + ")";
    return place;
  }
  if (!choice.empty()) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(choice, ignored)) {
      return fail(ErrorKind::kUsage, "--board '" + choice + "' must be sim:FILE.toml or a folder that --record wrote");
    }
    const auto cpu = hal::parse_cpu_features(hal::read_text(choice + "/proc/cpuinfo").value_or(""));
    place.board = hal::make_linux_board({.root = choice, .cpu = cpu, .gpio = nullptr});
    place.source = "recorded in " + choice;
    place.processor = hal::cpu_model(choice) + " (" + names_of(cpu) + ")";
    place.no_lines = "lines are not recorded";
    return place;
  }
  auto gpio = hal::open_gpio(LINNET_PLUGIN_DIRECTORY);
  if (!gpio) place.no_lines = gpio.error().message;
  const auto cpu = hal::detect_cpu_features();
  place.board = hal::make_linux_board({.root = "", .cpu = cpu, .gpio = gpio ? std::move(*gpio) : nullptr});
  place.source = "this machine";
  place.processor = hal::cpu_model() + " (" + names_of(cpu) + ")";
  place.is_here = true;
  return place;
}

// One row a variant, in the order in which they were chosen.
Result<std::vector<KernelRow>> chosen_kernels(const Machine& machine) {
  LINNET_TRY(const auto set, engine::KernelSet::choose(machine.cpu, machine.forced));
  std::vector<KernelRow> rows;
  for (const engine::ChosenKernel& kernel : set.chosen) {
    auto row = std::ranges::find(rows, kernel.variant, &KernelRow::variant);
    if (row == rows.end()) row = rows.insert(rows.end(), {std::string(kernel.variant), {}, {}});
    const bool forced = !machine.forced.variant_of(kernel.family).empty();
    row->families += (row->families.empty() ? "" : ", ") + std::string(kernel.family) + (forced ? " (forced)" : "");
    row->why = "the fastest that this processor runs";
    if (kernel.variant == "scalar") row->why = "nothing faster runs here";
  }
  return rows;
}

std::vector<unsigned> all_cores(const hal::Facts& facts) {
  std::vector<unsigned> cores;
  for (const hal::Core& core : facts.cores) cores.push_back(core.number);
  return cores;
}

Result<void> measure(Report& report, const Machine& machine, const Console& console) {
  ProgressBar bar(console, "measuring", ProgressUnit::kItems);
  limits::MeasureOptions options{.threads = report.placement.threads,
                                 .cpu = machine.cpu,
                                 .forced = machine.forced,
                                 .buffer = limits::buffer_within(report.available)};
  LINNET_TRY(report.limits, limits::measure(options, [&](std::size_t done, std::size_t all) {
               bar.update(done, all);
               return !console.stop_requested();
             }));
  options.buffer = std::min(options.buffer, limits::kMostForCosts);
  options.repeats = 9;  // Each is brief, and a single disturbance long.
  LINNET_TRY(report.memory_costs, limits::measure_memory_costs(options));
  return {};
}

GpuReport look_for_gpu(const engine::CudaOptions& options) {
  namespace cuda = engine::cuda;
  const auto functions = cuda::load_driver();
  if (!functions) return {false, functions.error().message};
  auto device = cuda::Device::open(*functions, options.patience);
  if (!device) return {false, device.error().message};
  const std::string name = cuda::to_string((*device)->facts());
  const std::string folder = options.kernel_folder.empty() ? cuda::kKernelFolder : options.kernel_folder;
  const auto kernels = cuda::KernelModule::load(**device, folder);
  if (!kernels) return {false, name + ": " + kernels.error().message};
  return {true, name + ", kernels of " + kernels->file()};
}

// What only the machine itself tells.
Result<void> examine_here(Report& report, const DoctorOptions& options, const Console& console) {
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(report.kernels, chosen_kernels(machine));
  report.gpu = look_for_gpu(machine.cuda);
  LINNET_TRY(report.broker, look_for_broker(options.config));
  if (options.quick) {
    report.not_run = "not measured (--quick)";
    return {};
  }
  return measure(report, machine, console);
}

}  // namespace

Result<Report> gather(const DoctorOptions& options, const Console& console) {
  LINNET_TRY(const Place place, open_place(options.board));
  Report report;
  report.source = place.source;
  report.processor = place.processor;
  report.facts = place.board->facts();
  report.vitals = place.board->empty_vitals();
  place.board->sample(report.vitals);
  report.available = hal::available_memory(report.vitals);
  report.placement = hal::place_threads(report.facts, place.is_here ? hal::allowed_cores() : all_cores(report.facts));
  if (place.board->gpio() != nullptr) report.lines = place.board->gpio()->lines();
  report.no_lines = place.no_lines;
  if (place.is_here) {
    LINNET_CHECK(examine_here(report, options, console));
  } else {
    report.not_run = "not measured: the board is not this machine";
  }
  report.advice = limits::advise(report.available, report.placement.threads, report.limits ? &*report.limits : nullptr);
  return report;
}

}  // namespace linnet::cli::doctor
