#pragma once
// What the emulated runtime offers beyond kernels/compat/runtime.h: work that is no kernel, a proof of order
// for captured graphs, and knobs.
//
// Device memory is out of the host's reach (PROT_NONE) except while work of a stream runs, and starts as 0xFF
// bytes: host code that dereferences a device address stops at once. Outside a capture, work runs when it is
// enqueued. A captured graph runs in any order its edges allow; options().reversed chooses the other extreme.

#include <functional>
#include <string>

#include "kernels/compat/device_problems.h"
#include "kernels/compat/runtime.h"
#include "kernels/emulator/fiber_block.h"

namespace mebm::kernels::emulator {

// Library work (convolutions, matrix products) answered by host mathematics.
Status enqueue(runtime::Stream* stream, const char* name, const runtime::Accesses& accesses,
               std::function<Status()> work);

// Empty, or the names of two nodes that touch the same memory, one of them writing, without an order.
std::string unordered_conflict(const runtime::Graph* graph);

// The machine that the runtime reports; tests describe others. Capability 0 is the emulator's own.
struct Machine {
  int devices = 1;
  int major = 0, minor = 0, oldest_capability = 0;
  int multiprocessors = 3;  // an odd number finds mistakes in grid sizes
  std::size_t memory_bytes = std::size_t{4} << 30;
  std::function<bool()> refuses_memory;  // asked by every allocation; null: what there is room for is granted
  int driver_version = 0, runtime_version = 0;
  runtime::DriverFailure driver_failure = runtime::DriverFailure::none;
  // Asked by every launch of a kernel: what it fails with, or nothing; null: launches succeed.
  std::function<std::string()> launch_failure;
};
Machine& machine();

}  // namespace mebm::kernels::emulator
