#pragma once
// Qualifiers for scalar functions shared by host and device code. Device #ifdefs live in kernels/compat only.

#ifdef __CUDACC__
#define MEBM_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define MEBM_HOST_DEVICE inline __attribute__((always_inline))
#endif
