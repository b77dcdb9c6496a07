#pragma once
// Which processor a run uses.

#include <sched.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace mebm::engine {

enum class DeviceKind { cpu, cuda };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
};

// "auto" | "cpu" | "cuda" | "cuda:<i>"; InputError for anything else. "auto" is the first GPU where the
// machine has one that this build can use. Whether an index exists turns out when a Context is made for it.
Device parse_device(std::string_view text);

// The processors this process may use. A thread that OpenMP has bound has its place as its affinity mask, and
// threads and processes it starts inherit that; the places together are what the process was given. Read
// once: binding threads narrows the mask.
const cpu_set_t& allowed_processors();

// Physical cores this process may use: of the allowed processors, one per core, bounded by the container's
// CPU quota.
int physical_cores();

// Binds the threads that the calling one computes with to one physical core each, and leaves the first core
// to the caller, where `threads` takes every core of the affinity mask: two of them on one core would make
// every parallel loop wait. The caller itself stays free: threads and processes it starts later (OpenMP's
// own, a GPU driver's) inherit where it may run. Fewer threads are left to the scheduler, since another
// process may be on the cores they would be bound to. Returns whether they were bound.
bool bind_threads(int threads);

// The name of a GPU; InputError where there is none of that index.
std::string device_name(int index);

// Bytes a GPU would still grant; InputError where there is none of that index.
std::uint64_t device_free_memory(int index);

// Throws InputError where a run of `bytes` does not fit into what a GPU would still grant.
void require_device_memory(int index, std::uint64_t bytes);

// The processor's name as the system gives it.
std::string cpu_name();

}  // namespace mebm::engine
