#include "engine/ops/sampling.h"

#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "kernels/langevin_step/langevin_step.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::engine::ops {

kernels::langevin_step::Params langevin_params(const LangevinUpdate& update, const Tensor& x) {
  kernels::langevin_step::Params p;
  p.images = x.extent(0);
  p.elements = p.images == 0 ? 0 : x.elements() / p.images;
  p.step_size = update.step_size;
  p.noise = update.noise;
  p.gradient_clamp = update.gradient_clamp;
  p.pixel_clamp = update.pixel_clamp;
  p.key = update.key;
  p.purpose = update.purpose;
  p.iteration = update.iteration.value;
  p.step = update.step;
  p.first_slot = update.first_slot;
  if (update.iteration.cell != nullptr)
    p.iteration_cell = reinterpret_cast<const std::uint32_t*>(update.iteration.cell->as<int>());
  return p;
}

void langevin_step(Context& context, const LangevinUpdate& update, const Tensor& gradient, Tensor& x) {
  require(x.layout() == Layout::plain && gradient.layout() == Layout::plain && x.shape() == gradient.shape(),
          "langevin_step: chains {} and gradient {} must be plain and alike", x.shape(), gradient.shape());
  const kernels::langevin_step::Params p = langevin_params(update, x);
  x.bump_version();
  if (context.on_device()) return device::langevin_step(context, p, gradient, x);
  dispatch_float(x.dtype(), "langevin_step", [&]<typename T>() {
    kernels::langevin_step::step(context.exec(), p, x.as<T>(), gradient.as<T>());
  });
}

kernels::random_normal::Params random_params(PhiloxKey key, RandomPurpose purpose,
                                             const Scalar<std::uint32_t>& iteration, std::uint32_t step,
                                             std::uint32_t first_slot, const Tensor& out) {
  kernels::random_normal::Params p;
  p.rows = out.extent(0);
  p.elements = p.rows == 0 ? 0 : out.elements() / p.rows;
  p.key = key;
  p.purpose = purpose;
  p.iteration = iteration.value;
  p.step = step;
  p.first_slot = first_slot;
  return p;
}

void fill_normal(Context& context, PhiloxKey key, RandomPurpose purpose,
                 const Scalar<std::uint32_t>& iteration, std::uint32_t step, std::uint32_t first_slot,
                 Tensor& out) {
  require(out.layout() == Layout::plain, "fill_normal: {} is not plain", out.shape());
  const kernels::random_normal::Params p = random_params(key, purpose, iteration, step, first_slot, out);
  out.bump_version();
  if (context.on_device()) return device::fill_normal(context, p, iteration.cell, out);
  dispatch_float(out.dtype(), "fill_normal",
                 [&]<typename T>() { kernels::random_normal::fill(context.exec(), p, out.as<T>()); });
}

}  // namespace mebm::engine::ops
