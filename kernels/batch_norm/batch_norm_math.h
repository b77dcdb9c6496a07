#pragma once
// Scalar functions of batch-norm + LeakyReLU, shared by host and device.

#include "kernels/compat/host_device.h"

namespace mebm::kernels::batch_norm {

template <typename T>
MEBM_HOST_DEVICE T leaky(T u, T leak) {
  return (u > T(0) ? T(1) : leak) * u;
}

// d leaky(u) / du times dz; at u = 0 the slope is `leak`, as in PyTorch.
template <typename T>
MEBM_HOST_DEVICE T leaky_gradient(T u, T dz, T leak) {
  return (u > T(0) ? T(1) : leak) * dz;
}

}  // namespace mebm::kernels::batch_norm
