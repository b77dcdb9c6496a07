#pragma once
// Qualifiers and hardware arithmetic for scalar functions shared by host and device code. Device #ifdefs live
// in kernels/compat only.

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define MEBM_HOST_DEVICE __host__ __device__ __forceinline__
#include <cuda_bf16.h>
#else
#define MEBM_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace mebm::kernels {

// a b, rounded: device compilers may not fuse it with a sum that follows, so that kernels which share an
// expression give the same bits.
MEBM_HOST_DEVICE float rounded_product(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
MEBM_HOST_DEVICE double rounded_product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

// The bits of the bfloat16 nearest to value, ties to even; beyond the largest: infinity; denormals are kept.
// NaN gives a quiet NaN: the host keeps its sign and the upper bits of its payload, a device gives 0x7FFF for
// all.
MEBM_HOST_DEVICE std::uint16_t bfloat16_bits(float value) {
#ifdef __CUDA_ARCH__
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
#endif
}

}  // namespace mebm::kernels
