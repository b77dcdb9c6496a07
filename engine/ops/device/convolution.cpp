#include "engine/device/convolution_cache.h"
#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/channel_bias/channel_bias.h"
#include "kernels/stem_conv2d/stem_conv2d.h"

namespace mebm::engine::ops::device {
namespace {

namespace conv2d = kernels::conv2d;
namespace stem = kernels::stem_conv2d::device;
using conv2d::Direction;
using conv2d::Params;

// Images have few channels and lie plain; the first convolution has kernels of its own.
bool is_stem(const Params& p) {
  return p.in_channels <= 4 && p.kernel == 3 && p.stride == 1 && p.padding == 1 && p.out_channels % 8 == 0 &&
         p.out_channels <= 64;
}

stem::Params stem_params(const Params& p) {
  return {p.images, p.in_channels, p.in_height, p.in_width, p.out_channels};
}

Tensor workspace(Context& context, const conv2d::device::Plan& plan) {
  return scratch(context, plan.workspace_bytes());
}

// A parameter in the feature type, made again when its version changed.
Tensor as_feature(Context& context, const Tensor& parameter) {
  return parameter.defined() ? context.convolutions().narrowed(parameter) : Tensor();
}

}  // namespace

Tensor convolution(Context& context, const Params& p, const Tensor& x, const Tensor& weights,
                   const Tensor& bias, const Tensor& residual) {
  Accelerator& device = context.accelerator();
  Tensor y = context.empty({p.images, p.out_channels, p.out_height, p.out_width},
                           context.feature_type(arithmetic_type(x.dtype())), Layout::channels_last);
  if (is_stem(p)) {
    require(!residual.defined() && x.layout() == Layout::plain, "conv2d: the first convolution takes images");
    dispatch(y.dtype(), "conv2d", [&]<typename T>() {
      using Real = kernels::Arithmetic<T>;
      check(stem::forward<T>(device.exec(), stem_params(p), x.as<Real>(), weights.as<Real>(),
                             bias.defined() ? bias.as<Real>() : nullptr, y.as<T>()));
    });
    return y;
  }
  require(x.layout() == Layout::channels_last, "conv2d: input {} is not channels-last", x.shape());
  const conv2d::device::Plan& plan = device.plan(p, Direction::forward, x.dtype());
  const Tensor w = as_feature(context, weights), b = as_feature(context, bias);
  Tensor space = workspace(context, plan);
  check(plan.execute(device.exec(), {.x = x.data(),
                                     .weights = w.data(),
                                     .bias = b.defined() ? b.data() : nullptr,
                                     .residual = residual.defined() ? residual.data() : nullptr,
                                     .y = y.data(),
                                     .workspace = space.data()}));
  return y;
}

void convolution_backward_data(Context& context, const Params& p, const Tensor& dy, const Tensor& weights,
                               Tensor& dx, WriteMode mode) {
  Accelerator& device = context.accelerator();
  if (is_stem(p))
    return dispatch(dy.dtype(), "conv2d backward_data", [&]<typename T>() {
      using Real = kernels::Arithmetic<T>;
      check(stem::backward_data<T>(device.exec(), stem_params(p), dy.as<T>(), weights.as<Real>(),
                                   dx.as<Real>(), adds(mode)));
    });
  const conv2d::device::Plan& plan = device.plan(p, Direction::backward_data, dy.dtype());
  const Tensor w = as_feature(context, weights);
  Tensor space = workspace(context, plan);
  Tensor target = adds(mode) ? context.empty(dx.shape(), dx.dtype(), dx.layout()) : dx;
  check(plan.execute(device.exec(),
                     {.dy = dy.data(), .weights = w.data(), .dx = target.data(), .workspace = space.data()}));
  if (adds(mode)) axpby(context, 1, target, 1, dx);
}

bool convolution_backward_langevin(Context& context, const Params& p, const Tensor& dy, const Tensor& weights,
                                   const LangevinUpdate& update, Tensor& x) {
  if (!is_stem(p)) return false;
  const kernels::langevin_step::Params langevin = langevin_params(update, x);
  x.bump_version();
  dispatch(dy.dtype(), "conv2d backward_data with Langevin step", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    check(stem::backward_data_langevin<T>(context.accelerator().exec(), stem_params(p), langevin, dy.as<T>(),
                                          weights.as<Real>(), x.as<Real>()));
  });
  return true;
}

namespace {

void stem_backward_weights(Context& context, const Params& p, const Tensor& x, const Tensor& dy,
                           Tensor& dweights, WriteMode weights_mode, Tensor& dbias, WriteMode bias_mode) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  Tensor space = scratch(context, stem::backward_weights_scratch_bytes(exec, stem_params(p)));
  context.accelerator().keep(space);
  dispatch(dy.dtype(), "conv2d backward_weights", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    check(stem::backward_weights<T>(exec, stem_params(p), x.as<Real>(), dy.as<T>(), dweights.as<Real>(),
                                    dbias.defined() ? dbias.as<Real>() : nullptr, adds(weights_mode),
                                    adds(bias_mode), space.data()));
  });
}

void bias_gradient(Context& context, const Tensor& dy, Tensor& dbias, WriteMode mode) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  const kernels::ChannelsLast map = channels_last(dy, "conv2d bias gradient");
  Tensor partial = scratch(context, kernels::channel_bias::device::scratch_bytes(exec, map));
  context.accelerator().keep(partial);
  dispatch(dy.dtype(), "conv2d bias gradient", [&]<typename T>() {
    check(kernels::channel_bias::device::gradient<T>(
        exec, map, dy.as<T>(), dbias.as<kernels::Arithmetic<T>>(), adds(mode), partial.data()));
  });
}

void plan_backward_weights(Context& context, const Params& p, const Tensor& x, const Tensor& dy,
                           Tensor& dweights, WriteMode mode) {
  Accelerator& device = context.accelerator();
  const conv2d::device::Plan& plan = device.plan(p, Direction::backward_weights, dy.dtype());
  Tensor space = workspace(context, plan);
  const bool direct = dweights.dtype() == dy.dtype() && !adds(mode);
  Tensor target = direct ? dweights : context.empty(dweights.shape(), dy.dtype(), dweights.layout());
  for (const Tensor& tensor : {space, target}) device.keep(tensor);
  check(plan.execute(device.exec(),
                     {.x = x.data(), .dy = dy.data(), .dw = target.data(), .workspace = space.data()}));
  if (!direct) copy(context, target, dweights, mode);
}

}  // namespace

// Beside the chain of data gradients, which does not wait for weight gradients.
void convolution_backward_weights(Context& context, const Params& p, const Tensor& x, const Tensor& dy,
                                  Tensor& dweights, WriteMode weights_mode, Tensor& dbias,
                                  WriteMode bias_mode) {
  Accelerator& device = context.accelerator();
  for (const Tensor& tensor : {x, dy}) device.keep(tensor);
  device.on_side([&] {
    if (is_stem(p)) return stem_backward_weights(context, p, x, dy, dweights, weights_mode, dbias, bias_mode);
    plan_backward_weights(context, p, x, dy, dweights, weights_mode);
    if (dbias.defined()) bias_gradient(context, dy, dbias, bias_mode);
  });
}

}  // namespace mebm::engine::ops::device
