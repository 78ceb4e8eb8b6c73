#include "runtime/language/machine.h"

#include <cstdlib>
#include <string_view>

#include "hal/board.h"
#include "hal/cpu.h"
#include "hal/linux/cores.h"
#include "hal/linux/linux_board.h"
#include "hal/memory_pressure.h"
#include "hal/placement.h"

namespace linnet::language {
namespace {

// Whether the variable is set to `yes`; unset it is `no`.
Result<bool> chosen(const char* variable, std::string_view no, std::string_view yes) {
  const char* const value = std::getenv(variable);
  const std::string_view word = value == nullptr ? no : value;
  if (word == no || word == yes) return word == yes;
  return fail(ErrorKind::kUsage, std::string(variable) + " must be " + std::string(no) + " or " + std::string(yes));
}

// For tests and measurements: a folder of kernels that is not installed, decoding without graphs, kernels one after the
// other, prompts in f16.
Result<engine::CudaOptions> cuda_options() {
  engine::CudaOptions options;
  if (const char* const folder = std::getenv("LINNET_CUDA_FOLDER")) options.kernel_folder = folder;
  LINNET_TRY(const bool no_graphs, chosen("LINNET_CUDA_GRAPHS", "on", "off"));
  options.graphs = !no_graphs;
  LINNET_TRY(const bool no_early_starts, chosen("LINNET_CUDA_EARLY", "on", "off"));
  options.early_starts = !no_early_starts;
  LINNET_TRY(options.half_prompts, chosen("LINNET_CUDA_PROMPTS", "int8", "f16"));
  return options;
}

}  // namespace

Result<Machine> machine_with(const hal::Vitals& vitals) {
  Machine machine;
  const char* forced = std::getenv("LINNET_KERNEL");
  LINNET_TRY(machine.forced, kernels::ForcedVariants::parse(forced == nullptr ? "" : forced));
  LINNET_TRY(machine.cuda, cuda_options());
  machine.cpu = hal::detect_cpu_features();
  machine.available_memory = hal::available_memory(vitals);
  machine.threads = hal::place_threads(hal::read_core_facts(""), hal::allowed_cores()).threads;
  return machine;
}

Result<Machine> inspect_machine() {
  const auto board = hal::make_linux_board({.root = "", .cpu = hal::detect_cpu_features(), .gpio = nullptr});
  hal::Vitals vitals = board->empty_vitals();
  board->sample(vitals);
  return machine_with(vitals);
}

}  // namespace linnet::language
