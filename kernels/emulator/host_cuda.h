#pragma once
// CUDA's kernel language for a host compiler. Every thread of a block is a fiber (fiber_block.h); included by
// kernels/compat/cuda.h only.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/emulator/fiber_block.h"

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__
#define __launch_bounds__(...)
#define threadIdx (::mebm::kernels::emulator::thread().thread_index)
#define blockIdx (::mebm::kernels::emulator::thread().block_index)
#define blockDim (::mebm::kernels::emulator::thread().block_extent)
#define gridDim (::mebm::kernels::emulator::thread().grid_extent)

namespace mebm::kernels::emulator {

// The block's shared array number `Number`; every thread of the block gets the same memory, filled with 0xFF
// bytes (NaN in every floating-point type) when the block starts.
template <typename T, int Number>
T* shared_array(std::size_t count) {
  return static_cast<T*>(shared_memory(Number, count * sizeof(T)));
}

inline void check_alignment(const void* memory, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(memory) % alignment != 0) misaligned(memory, alignment);
}

template <typename T>
T exchange(T value, int source) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kExchangeBytes);
  T out;
  exchange_bytes(&value, sizeof(T), source, &out);
  return out;
}

}  // namespace mebm::kernels::emulator

inline void __syncthreads() {
  ::mebm::kernels::emulator::wait_for_block();
}
inline void __syncwarp() {
  ::mebm::kernels::emulator::exchange(0, ::mebm::kernels::emulator::lane());
}
inline void __threadfence() {}

template <typename T>
T __shfl_sync(unsigned, T value, int source) {
  return ::mebm::kernels::emulator::exchange(value, source & 31);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return ::mebm::kernels::emulator::exchange(value, ::mebm::kernels::emulator::lane() ^ mask);
}
// A lane whose source is past the warp keeps its own value.
template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const int source = ::mebm::kernels::emulator::lane() + static_cast<int>(delta);
  return ::mebm::kernels::emulator::exchange(value, source < 32 ? source : ::mebm::kernels::emulator::lane());
}

template <typename T>
T atomicAdd(T* memory, T value) {
  static_assert(std::is_integral_v<T>, "float atomics are not deterministic");
  const T before = *memory;
  *memory = static_cast<T>(before + value);
  return before;
}
