#pragma once
// One step of the Langevin sampler (SPEC section 5), fused:
//   x <- clamp(x - step_size clamp(g, -c, c) + noise N(0, 1), -p, p)
// x, g: [images][elements], plain N,C,H,W. The normal of element e of chain s in step k of iteration i comes
// from Philox words {e / 4, s, k | purpose << 24, i}; see kernels/random_normal.

#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"
#include "kernels/core/philox.h"

namespace mebm::kernels::langevin_step {

struct Params {
  std::int64_t images = 0, elements = 0;
  double step_size = 1;
  double noise = 0;           // standard deviation; 0 draws nothing
  double gradient_clamp = 1;  // c; 0 = no clamp
  double pixel_clamp = 1;     // p; 0 = no clamp
  PhiloxKey key;
  RandomPurpose purpose = RandomPurpose::langevin_noise;
  std::uint32_t iteration = 0, step = 0;
  std::uint32_t first_slot = 0;  // global chain slot of image 0
  // On a device: where the iteration is read from when the kernel runs, so that a captured graph can be
  // launched again for another one. Null: `iteration`.
  const std::uint32_t* iteration_cell = nullptr;
};

// In place on x.
template <typename T>
void step(const CpuExec& exec, const Params& params, T* x, const T* gradient);

namespace device {
// The same on device memory. Elements beyond the last full group of four are handled.
template <typename T>
Status step(const DeviceExec& exec, const Params& params, T* x, const T* gradient);
}  // namespace device

}  // namespace mebm::kernels::langevin_step
