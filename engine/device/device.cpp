#include "engine/device/device.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/device/accelerator.h"

namespace mebm::engine {
namespace {

int read_int(const std::string& path, int missing) {
  std::ifstream file(path);
  int value;
  return file >> value ? value : missing;
}

// CPUs granted by the cgroup v2 quota, rounded up; 0 where there is none.
int quota_cpus() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return static_cast<int>((std::stod(quota) + period - 1) / period);
}

cpu_set_t read_allowed_processors() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  sched_getaffinity(0, sizeof processors, &processors);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(static_cast<std::size_t>(id), &processors);
  }
  return processors;
}

std::vector<int> read_first_cpus_of_cores() {
  const cpu_set_t& mask = allowed_processors();
  std::map<std::pair<int, int>, int> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    cores.insert({{read_int(topology + "physical_package_id", 0), read_int(topology + "core_id", cpu)}, cpu});
  }
  std::vector<int> cpus;
  for (const auto& [core, cpu] : cores) cpus.push_back(cpu);
  return cpus;
}

// Of every physical core in the affinity mask, the first of its CPUs that is in the mask, in order of cores.
// Read once: binding threads narrows the mask.
const std::vector<int>& first_cpus_of_cores() {
  static const std::vector<int> cpus = read_first_cpus_of_cores();
  return cpus;
}

}  // namespace

Device parse_device(std::string_view text) {
  if (text == "cpu") return {DeviceKind::cpu, 0};
  if (text == "auto") return {device_available() ? DeviceKind::cuda : DeviceKind::cpu, 0};
  if (text == "cuda") return {DeviceKind::cuda, 0};
  if (int index = 0; text.starts_with("cuda:")) {
    const std::string_view digits = text.substr(5);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc() && end == digits.data() + digits.size() && index >= 0)
      return {DeviceKind::cuda, index};
  }
  fail_input("--device {}: unknown device; known: auto, cpu, cuda, cuda:<index>", text);
}

const cpu_set_t& allowed_processors() {
  static const cpu_set_t processors = read_allowed_processors();
  return processors;
}

int physical_cores() {
  const int quota = quota_cpus(), count = std::max<int>(1, static_cast<int>(first_cpus_of_cores().size()));
  return quota > 0 ? std::min(quota, count) : count;
}

bool bind_threads(int threads) {
  const std::vector<int>& cpus = first_cpus_of_cores();
  if (threads != static_cast<int>(cpus.size())) return false;
  bool bound = true;
#pragma omp parallel num_threads(threads) reduction(&& : bound)
  if (const int thread = omp_get_thread_num(); thread > 0) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(cpus[static_cast<std::size_t>(thread)], &mask);
    bound = sched_setaffinity(0, sizeof mask, &mask) == 0;
  }
  return bound;
}

void require_device_memory(int index, std::uint64_t bytes) {
  const std::uint64_t free = device_free_memory(index);
  if (bytes > free)
    fail_input("this run needs {:.3g} GB of memory on cuda:{}, {:.3g} GB are free; {}",
               static_cast<double>(bytes) / 1e9, index, static_cast<double>(free) / 1e9, kMemoryAdvice);
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace mebm::engine
