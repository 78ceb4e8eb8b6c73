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

// For tests and measurements: a folder of kernels that is not installed, and decoding without graphs.
Result<engine::CudaOptions> cuda_options() {
  engine::CudaOptions options;
  if (const char* const folder = std::getenv("LINNET_CUDA_FOLDER")) options.kernel_folder = folder;
  const char* const graphs = std::getenv("LINNET_CUDA_GRAPHS");
  const std::string_view word = graphs == nullptr ? "on" : graphs;
  if (word != "on" && word != "off") return fail(ErrorKind::kUsage, "LINNET_CUDA_GRAPHS must be on or off");
  options.graphs = word == "on";
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
