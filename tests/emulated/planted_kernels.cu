#include "tests/emulated/planted_kernels.h"

#include "kernels/compat/cuda.h"

namespace mebm::test::planted {
namespace {

__global__ void block_sums_kernel(Fault fault, const float* x, float* out) {
  MEBM_SHARED_ARRAY(float, warps, 8);
  const int thread = static_cast<int>(threadIdx.x);
  if (fault == Fault::early_return && thread == 77) return;
  float sum = x[blockIdx.x * 256 + threadIdx.x];
  if (fault == Fault::shuffle_in_branch && thread % 32 < 3) return;
  for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(kernels::kFullMask, sum, mask);
  if (thread % 32 == 0) warps[thread / 32] = sum;
  if (fault != Fault::missing_barrier) __syncthreads();
  if (thread != 0) return;
  float total = 0;
  for (int w = 0; w < 8; ++w) total += warps[w];
  out[blockIdx.x] = total;
  if (fault == Fault::past_the_end && blockIdx.x + 1 == gridDim.x) out[gridDim.x] = total;
}

}  // namespace

kernels::Status block_sums(const kernels::DeviceExec& exec, Fault fault, int blocks, const float* x,
                           float* out) {
  kernels::runtime::Accesses accesses;
  accesses.read(x, blocks * 256).write(out, fault == Fault::undeclared_write ? 0 : blocks);
  return kernels::launch(exec,
                         {.name = "block_sums",
                          .sizes = std::to_string(blocks),
                          .grid_x = static_cast<std::uint32_t>(blocks),
                          .block = 256,
                          .cooperates = true},
                         accesses, block_sums_kernel, fault, x, out);
}

}  // namespace mebm::test::planted
