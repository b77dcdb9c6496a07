#pragma once
// The one door through which .cu files reach CUDA. Under nvcc it is the CUDA runtime; under a host compiler
// it is the emulator (kernels/emulator), which runs every CUDA thread of a block as a fiber.
//
// A .cu file uses only what both sides have:
//   __global__ __device__ threadIdx blockIdx blockDim gridDim __syncthreads __syncwarp __shfl_*_sync (full
//   mask) __threadfence atomicAdd (unsigned, int), MEBM_SHARED_ARRAY, load_vector/store_vector, launch().
// Not used: <<<>>>, extern __shared__, inline PTX, cooperative groups, partial masks, implicit lockstep.

#include "kernels/compat/launch.h"
#include "kernels/core/bfloat16.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>

// A block's shared array: MEBM_SHARED_ARRAY(float, partial, 256) declares float* partial.
#define MEBM_SHARED_ARRAY(Type, name, count)                                   \
  __shared__ __align__(16) unsigned char name##_bytes[(count) * sizeof(Type)]; \
  Type* const name = reinterpret_cast<Type*>(name##_bytes)

#else

#include "kernels/emulator/host_cuda.h"

#define MEBM_SHARED_ARRAY(Type, name, count) \
  Type* const name = ::mebm::kernels::emulator::shared_array<Type, __COUNTER__>(count)

#endif

// X(T) for every type kernels are instantiated for. Double serves the proofs: in the emulator whole
// iterations equal the CPU engine's to rounding.
#define MEBM_FOR_DEVICE_TYPES(X) X(::mebm::kernels::bfloat16) X(float) X(double)
#define MEBM_FOR_REAL_TYPES(X) X(float) X(double)

namespace mebm::kernels {

constexpr int kWarp = 32;
constexpr unsigned kFullMask = 0xFFFFFFFFu;

// As many T as one 16-byte access moves.
template <typename T>
struct alignas(16) Vector {
  static constexpr int kSize = 16 / static_cast<int>(sizeof(T));
  T value[kSize];
};

// memory must be 16-byte aligned.
template <typename T>
__device__ __forceinline__ Vector<T> load_vector(const T* memory) {
#ifndef __CUDACC__
  emulator::check_alignment(memory, 16);
#endif
  return *reinterpret_cast<const Vector<T>*>(memory);
}
template <typename T>
__device__ __forceinline__ void store_vector(T* memory, const Vector<T>& vector) {
#ifndef __CUDACC__
  emulator::check_alignment(memory, 16);
#endif
  *reinterpret_cast<Vector<T>*>(memory) = vector;
}

}  // namespace mebm::kernels
