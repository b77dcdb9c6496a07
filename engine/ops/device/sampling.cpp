#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/gaussian/gaussian.h"
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

// A matrix product of fixed shape, then mean and clamp: out = clamp(mean + z factor^T).
void gaussian_draw(Context& context, const Tensor& mean, const Tensor& factor, const Tensor& z, double bound,
                   Tensor& out) {
  Accelerator& device = context.accelerator();
  const std::int64_t rows = z.extent(0), d = mean.elements();
  dispatch_real(out.dtype(), "gaussian_draw", [&]<typename T>() {
    check(device.gemm().multiply(device.exec(), false, true, rows, d, d, 1, z.as<T>(), d, factor.as<T>(), d,
                                 0, out.as<T>(), d));
    check(
        kernels::gaussian::device::shift_and_clamp(device.exec(), rows, d, bound, mean.as<T>(), out.as<T>()));
  });
}

}  // namespace mebm::engine::ops::device
