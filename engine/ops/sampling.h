#pragma once
// The Langevin update and the normals it uses (kernels/langevin_step, kernels/random_normal).

#include "engine/core/random.h"
#include "engine/core/scalar.h"
#include "engine/device/context.h"
#include "kernels/langevin_step/langevin_step.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::engine::ops {

struct LangevinUpdate {
  double step_size = 1;
  double noise = 0;
  double gradient_clamp = 1;  // 0 = off
  double pixel_clamp = 1;     // 0 = off
  PhiloxKey key;
  RandomPurpose purpose = RandomPurpose::langevin_noise;
  Scalar<std::uint32_t> iteration{};
  std::uint32_t step = 0, first_slot = 0;
};

// What the kernels take; for the ops of this folder.
kernels::langevin_step::Params langevin_params(const LangevinUpdate& update, const Tensor& x);

// x <- clamp(x - step_size clamp(gradient) + noise N(0,1)) in place; x, gradient [N, ...] plain.
void langevin_step(Context& context, const LangevinUpdate& update, const Tensor& gradient, Tensor& x);

// On the CPU an iteration's cell is not read: give its value too.

// The kernels' words for rows of random numbers in out [N, ...]; row r has slot first_slot + r.
kernels::random_normal::Params random_params(PhiloxKey key, RandomPurpose purpose,
                                             const Scalar<std::uint32_t>& iteration, std::uint32_t step,
                                             std::uint32_t first_slot, const Tensor& out);

// Row r of out [N, ...] holds the normals of slot first_slot + r.
void fill_normal(Context& context, PhiloxKey key, RandomPurpose purpose,
                 const Scalar<std::uint32_t>& iteration, std::uint32_t step, std::uint32_t first_slot,
                 Tensor& out);

}  // namespace mebm::engine::ops
