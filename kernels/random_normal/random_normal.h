#pragma once
// Standard normals as a function of (key, purpose, iteration, slot, step, element); the same numbers the
// fused Langevin step adds.

#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"
#include "kernels/core/philox.h"

namespace mebm::kernels::random_normal {

struct Params {
  std::int64_t rows = 0, elements = 0;  // out: [rows][elements]
  PhiloxKey key;
  RandomPurpose purpose = RandomPurpose::langevin_noise;
  std::uint32_t iteration = 0, step = 0;
  std::uint32_t first_slot = 0;  // slot of row 0; row r uses first_slot + r
};

template <typename T>
void fill(const CpuExec& exec, const Params& params, T* out);

namespace device {
// The same on device memory; iteration_cell as in langevin_step.
template <typename T>
Status fill(const DeviceExec& exec, const Params& params, const std::uint32_t* iteration_cell, T* out);
// Uniform in (-1, 1) instead: 2 u - 1, computed in fp64.
template <typename T>
Status fill_uniform(const DeviceExec& exec, const Params& params, const std::uint32_t* iteration_cell,
                    T* out);
}  // namespace device

}  // namespace mebm::kernels::random_normal
