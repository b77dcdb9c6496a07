#pragma once
// The update of one element, host and device.

#include "kernels/compat/host_device.h"

namespace mebm::kernels::langevin_step {

template <typename T>
MEBM_HOST_DEVICE T clamp_to(T value, T bound) {
  return value < -bound ? -bound : value > bound ? bound : value;
}

// bounds <= 0 are off. NaN passes through every clamp.
template <typename T>
MEBM_HOST_DEVICE T update(T x, T gradient, T scaled_noise, T step_size, T gradient_bound, T pixel_bound) {
  if (gradient_bound > T(0)) gradient = clamp_to(gradient, gradient_bound);
  const T moved = x - rounded_product(step_size, gradient) + scaled_noise;
  return pixel_bound > T(0) ? clamp_to(moved, pixel_bound) : moved;
}

}  // namespace mebm::kernels::langevin_step
