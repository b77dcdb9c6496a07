#include "kernels/compat/cuda.h"
#include "kernels/counters/counters.h"

namespace mebm::kernels::counters {
namespace {

__global__ void clear_kernel(std::uint32_t* counters) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < DeviceExec::kCounters) counters[i] = 0;
}

}  // namespace

namespace device {

Status clear(const DeviceExec& exec) {
  LaunchShape shape{.name = "counters_clear", .sizes = std::to_string(DeviceExec::kCounters)};
  shape.grid_x = blocks_for(DeviceExec::kCounters, shape.block);
  return launch(exec, shape, runtime::Accesses().write(exec.counters, DeviceExec::kCounters), clear_kernel,
                exec.counters);
}

}  // namespace device
}  // namespace mebm::kernels::counters
