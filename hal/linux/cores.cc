#include "hal/linux/cores.h"

#include <algorithm>

#include "hal/linux/cgroup.h"

namespace linnet::hal {
namespace {

std::string cpu_folder(const std::string& root, unsigned number) {
  return root + "/sys/devices/system/cpu/cpu" + std::to_string(number);
}

// Cores that share a frequency policy run alike; without policies the kernel's own cluster_id tells, where it knows.
unsigned cluster_of(const std::string& folder) {
  if (const auto related = read_text(folder + "/cpufreq/related_cpus")) {
    if (const auto first = first_number(*related)) return static_cast<unsigned>(*first);
  }
  const auto cluster = read_number(folder + "/topology/cluster_id");
  return cluster && *cluster > 0 ? static_cast<unsigned>(*cluster) : 0;
}

unsigned first_sibling(const std::string& folder, unsigned number) {
  const auto siblings = read_text(folder + "/topology/thread_siblings_list");
  const auto cores = siblings ? parse_cpu_list(*siblings) : std::vector<unsigned>{};
  return cores.empty() ? number : cores.front();
}

Core read_core(const std::string& root, unsigned number) {
  const std::string folder = cpu_folder(root, number);
  Core core;
  core.number = number;
  core.cluster = cluster_of(folder);
  if (const auto capacity = read_number(folder + "/cpu_capacity"); capacity && *capacity > 0) {
    core.capacity = static_cast<unsigned>(*capacity);
  }
  if (const auto frequency = read_number(folder + "/cpufreq/cpuinfo_max_freq"))
    core.max_frequency = Kilohertz{*frequency};
  core.first_sibling = first_sibling(folder, number);
  core.smt_sibling = core.first_sibling != number;
  return core;
}

}  // namespace

std::vector<Core> read_cores(const std::string& root) {
  std::vector<Core> cores;
  const auto online = read_text(root + "/sys/devices/system/cpu/online");
  for (const unsigned number : parse_cpu_list(online.value_or("0"))) cores.push_back(read_core(root, number));
  const auto isolated = parse_cpu_list(read_text(root + "/sys/devices/system/cpu/isolated").value_or(""));
  for (Core& core : cores) core.isolated = std::ranges::find(isolated, core.number) != isolated.end();
  return cores;
}

Facts read_core_facts(const std::string& root) {
  Facts facts;
  facts.cores = read_cores(root);
  facts.quota = read_cpu_quota(root);
  return facts;
}

std::vector<SensorFile> frequency_sensors(const std::string& root, const std::vector<Core>& cores) {
  std::vector<SensorFile> sensors;
  sensors.reserve(cores.size());
  for (const Core& core : cores) sensors.emplace_back(cpu_folder(root, core.number) + "/cpufreq/scaling_cur_freq");
  return sensors;
}

}  // namespace linnet::hal
