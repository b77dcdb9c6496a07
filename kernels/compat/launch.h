#pragma once
// Launching a kernel: typed, always checked, the only place that does. The work declares what it reads and
// writes (see runtime.h).

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/compat/status.h"
#include "kernels/core/device_exec.h"

namespace mebm::kernels {

struct LaunchShape {
  const char* name;        // kernel, for messages and profiles
  std::string sizes = {};  // the shapes it works on, for messages
  std::uint32_t grid_x = 1, grid_y = 1, grid_z = 1;
  std::uint32_t block = 256;  // a multiple of the warp size
  // False promises that the kernel has no barrier, shuffle or shared array: the emulator then runs its
  // threads without fibers, and complains if they wait all the same.
  bool cooperates = false;
};

// Blocks of `block` threads for `n` items, one per thread.
constexpr std::uint32_t blocks_for(std::int64_t n, std::uint32_t block) {
  return static_cast<std::uint32_t>((n + block - 1) / block);
}

// Empty, or why no device would take this launch.
std::string launch_problem(const LaunchShape& shape);

#ifdef __CUDACC__

namespace runtime {
Status last_launch(const LaunchShape& shape);  // cudaGetLastError with the kernel's name and sizes
}

template <typename... Parameters, typename... Arguments>
Status launch(const DeviceExec& exec, const LaunchShape& shape, const runtime::Accesses&,
              void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (std::string problem = launch_problem(shape); !problem.empty()) return Status(std::move(problem));
  kernel<<<dim3(shape.grid_x, shape.grid_y, shape.grid_z), shape.block, 0,
           reinterpret_cast<cudaStream_t>(exec.stream)>>>(static_cast<Parameters>(arguments)...);
  return runtime::last_launch(shape);
}

#else

namespace emulator {
Status enqueue_kernel(runtime::Stream* stream, const LaunchShape& shape, const runtime::Accesses& accesses,
                      std::function<void()> thread);
}

template <typename... Parameters, typename... Arguments>
Status launch(const DeviceExec& exec, const LaunchShape& shape, const runtime::Accesses& accesses,
              void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (std::string problem = launch_problem(shape); !problem.empty()) return Status(std::move(problem));
  return emulator::enqueue_kernel(exec.stream, shape, accesses,
                                  [=] { kernel(static_cast<Parameters>(arguments)...); });
}

#endif

}  // namespace mebm::kernels
