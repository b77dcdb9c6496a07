#pragma once
// For .cu files: sums over the lanes of a warp, the threads of a block and the blocks of a grid, all in a
// fixed order.

#include <cstdint>

#include "kernels/compat/cuda.h"

namespace mebm::kernels {

// Every lane gets the sum over the warp.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) value += __shfl_xor_sync(kFullMask, value, mask);
  return value;
}

// The sum over a block of at most 1024 threads, in thread 0. All threads of the block call it.
__device__ __forceinline__ double block_sum(double value) {
  MEBM_SHARED_ARRAY(double, warps, 32);
  const int thread = static_cast<int>(threadIdx.x), count = static_cast<int>(blockDim.x) / kWarp;
  value = warp_sum(value);
  __syncthreads();  // the last call's sums are read
  if (thread % kWarp == 0) warps[thread / kWarp] = value;
  __syncthreads();
  double total = 0;
  if (thread == 0)
    for (int w = 0; w < count; ++w) total += warps[w];
  return total;
}

// True in all threads of the block that arrives last of `blocks`; what the others wrote before is visible
// then. The counter is 0 before and after.
__device__ __forceinline__ bool last_to_arrive(std::uint32_t* counter, std::uint32_t blocks) {
  MEBM_SHARED_ARRAY(int, last, 1);
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    *last = atomicAdd(counter, 1u) == blocks - 1 ? 1 : 0;
    if (*last != 0) *counter = 0;
    __threadfence();
  }
  __syncthreads();
  return *last != 0;
}

// Leaves `value` of thread 0 in partial[block] and says whether this block is the last of the grid to arrive:
// then all partials can be read. All threads of the block call it.
__device__ __forceinline__ bool last_to_arrive(double value, volatile double* partial,
                                               std::uint32_t* counter) {
  if (threadIdx.x == 0) partial[blockIdx.x] = value;
  return last_to_arrive(counter, gridDim.x);
}

// The sum over the grid, in thread 0 of the block for which `last` becomes true.
__device__ __forceinline__ double grid_sum(double value, volatile double* partial, std::uint32_t* counter,
                                           bool& last) {
  const double mine = block_sum(value);
  last = last_to_arrive(mine, partial, counter);
  if (!last) return 0;
  double sum = 0;
  for (std::uint32_t b = threadIdx.x; b < gridDim.x; b += blockDim.x) sum += partial[b];
  return block_sum(sum);
}

}  // namespace mebm::kernels
