#pragma once
// Qualifiers for scalar functions shared by host and device code. Device #ifdefs live in kernels/compat only.

#ifdef __CUDACC__
#define MEBM_HOST_DEVICE __host__ __device__ __forceinline__
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

}  // namespace mebm::kernels
