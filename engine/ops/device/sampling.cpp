#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/langevin_step/langevin_step.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::engine::ops::device {

void langevin_step(Context& context, const kernels::langevin_step::Params& params, const Tensor& gradient,
                   Tensor& x) {
  dispatch_real(x.dtype(), "langevin_step", [&]<typename T>() {
    check(kernels::langevin_step::device::step(context.accelerator().exec(), params, x.as<T>(),
                                               gradient.as<T>()));
  });
}

void fill_normal(Context& context, const kernels::random_normal::Params& params, const Tensor* iteration_cell,
                 Tensor& out) {
  const auto* cell =
      iteration_cell != nullptr ? reinterpret_cast<const std::uint32_t*>(iteration_cell->as<int>()) : nullptr;
  dispatch_real(out.dtype(), "fill_normal", [&]<typename T>() {
    check(kernels::random_normal::device::fill(context.accelerator().exec(), params, cell, out.as<T>()));
  });
}

}  // namespace mebm::engine::ops::device
