#include "engine/ops/convolution.h"

#include "engine/device/convolution_cache.h"
#include "engine/ops/device/ops.h"
#include "engine/ops/elementwise.h"

namespace mebm::engine::ops {
namespace {

using kernels::conv2d::Algorithm;
using kernels::conv2d::Buffers;
using kernels::conv2d::Direction;
using kernels::conv2d::Params;
using kernels::conv2d::Plan;

std::int64_t output_extent(std::int64_t input, std::int64_t kernel, const ConvolutionShape& shape) {
  return (input + 2 * shape.padding - kernel) / shape.stride + 1;
}

Algorithm algorithm_of(ConvolutionChoice choice) {
  switch (choice) {
    case ConvolutionChoice::direct:
      return Algorithm::direct;
    case ConvolutionChoice::winograd:
      return Algorithm::winograd;
    case ConvolutionChoice::automatic:
      break;
  }
  return Algorithm::automatic;
}

Params make_params(const Context& context, const Shape& x, const Shape& weights,
                   const ConvolutionShape& shape) {
  require(x.rank() == 4 && weights.rank() == 4 && x[1] == weights[1] && weights[2] == weights[3],
          "conv2d: input {} does not fit weights {}", x, weights);
  Params p;
  p.images = x[0];
  p.in_channels = x[1];
  p.in_height = x[2];
  p.in_width = x[3];
  p.out_channels = weights[0];
  p.kernel = weights[2];
  p.stride = shape.stride;
  p.padding = shape.padding;
  p.out_height = output_extent(x[2], p.kernel, shape);
  p.out_width = output_extent(x[3], p.kernel, shape);
  require(p.out_height > 0 && p.out_width > 0, "conv2d: input {} is smaller than the kernel {}", x, p.kernel);
  // A strided or 1x1 convolution has no Winograd form: the choice concerns the others.
  const bool eligible = p.kernel == 3 && p.stride == 1;
  p.algorithm = eligible ? algorithm_of(context.convolution()) : Algorithm::direct;
  return p;
}

// x, or the tensor its gradient goes to.
void note(const Context& context, ConvolutionDirection direction, const Tensor& x, const Shape& weights,
          const ConvolutionShape& shape, bool residual = false) {
  if (const ConvolutionObserver& observer = context.convolution_observer())
    observer({direction, x.shape(), weights, shape.stride, shape.padding, x.dtype(), x.layout(), residual});
}

Tensor workspace(Context& context, const Plan& plan) {
  return context.empty({static_cast<std::int64_t>(plan.workspace_bytes() / sizeof(float)) + 1}, DType::fp32);
}

void run(const Plan& plan, const Buffers& buffers) {
  const std::string error = plan.execute(buffers);
  if (!error.empty()) fail("conv2d ({}): {}", plan.algorithm(), error);
}

void check_layout(const Tensor& tensor, int block, const char* what) {
  require(channel_block(tensor.layout()) == block, "conv2d: {} {} has channel block {}, its plan wants {}",
          what, tensor.shape(), channel_block(tensor.layout()), block);
}

}  // namespace

bool convolution_uses_winograd(ConvolutionChoice choice, std::int64_t in_channels, std::int64_t out_channels,
                               std::int64_t size) {
  const Params params{.images = 1,
                      .in_channels = in_channels,
                      .in_height = size,
                      .in_width = size,
                      .out_channels = out_channels,
                      .out_height = size,
                      .out_width = size,
                      .algorithm = algorithm_of(choice)};
  return kernels::conv2d::cpu_algorithm(params, kernels::conv2d::preferred_channel_block()) ==
         Algorithm::winograd;
}

Tensor convolution(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias,
                   const ConvolutionShape& shape, Tensor residual, WeightUse use) {
  Params params = make_params(context, x.shape(), weights.shape(), shape);
  params.accumulate = residual.defined();
  note(context, ConvolutionDirection::forward, x, weights.shape(), shape, residual.defined());
  if (context.on_device()) return device::convolution(context, params, x, weights, bias, residual);
  const Plan& plan = context.convolutions().plan(params, Direction::forward, x.dtype());
  check_layout(x, plan.source_block(), "input");
  const Shape out{params.images, params.out_channels, params.out_height, params.out_width};
  const Layout layout = layout_of_block(plan.destination_block());
  Tensor y;
  if (!residual.defined()) {
    y = context.empty(out, x.dtype(), layout);
  } else {
    require(residual.shape() == out && residual.layout() == layout,
            "conv2d: residual {} does not fit output {}", residual.shape(), out);
    const bool own = residual.unique();
    y = own ? std::move(residual) : context.empty(out, x.dtype(), layout);
    if (!own) copy(context, residual, y, WriteMode::overwrite);
  }
  const Tensor& prepared = context.convolutions().prepared(weights, plan);
  Tensor scratch = workspace(context, plan);
  run(plan, {.x = x.data(),
             .weights = prepared.data(),
             .bias = bias.defined() ? bias.data() : nullptr,
             .y = y.data(),
             .workspace = scratch.data()});
  if (use == WeightUse::last) context.convolutions().forget_prepared(weights, plan);
  return y;
}

void convolution_backward_data(Context& context, const Tensor& dy, const Tensor& weights,
                               const ConvolutionShape& shape, Tensor& dx, WriteMode mode) {
  const Params params = make_params(context, dx.shape(), weights.shape(), shape);
  note(context, ConvolutionDirection::backward_data, dx, weights.shape(), shape);
  if (context.on_device()) return device::convolution_backward_data(context, params, dy, weights, dx, mode);
  const Plan& plan = context.convolutions().plan(params, Direction::backward_data, dx.dtype());
  check_layout(dy, plan.destination_block(), "output gradient");
  const Layout layout = layout_of_block(plan.source_block());
  const bool direct = layout == dx.layout() && mode == WriteMode::overwrite;
  Tensor target = direct ? dx : context.empty(dx.shape(), dx.dtype(), layout);
  const Tensor& prepared = context.convolutions().prepared(weights, plan);
  Tensor scratch = workspace(context, plan);
  run(plan, {.dy = dy.data(), .weights = prepared.data(), .dx = target.data(), .workspace = scratch.data()});
  if (!direct) copy(context, target, dx, mode);
}

bool convolution_backward_langevin(Context& context, const Tensor& dy, const Tensor& weights,
                                   const ConvolutionShape& shape, const LangevinUpdate& update, Tensor& x) {
  if (!context.on_device()) return false;
  const bool fused = device::convolution_backward_langevin(
      context, make_params(context, x.shape(), weights.shape(), shape), dy, weights, update, x);
  if (fused) note(context, ConvolutionDirection::backward_data, x, weights.shape(), shape);
  return fused;
}

void convolution_backward_weights(Context& context, const Tensor& x, const Tensor& dy,
                                  const ConvolutionShape& shape, Tensor& dweights, WriteMode weights_mode,
                                  Tensor& dbias, WriteMode bias_mode) {
  require(dweights.defined(), "conv2d: a bias gradient without a weight gradient is not available");
  Params params = make_params(context, x.shape(), dweights.shape(), shape);
  note(context, ConvolutionDirection::backward_weights, x, dweights.shape(), shape);
  if (context.on_device())
    return device::convolution_backward_weights(context, params, x, dy, dweights, weights_mode, dbias,
                                                bias_mode);
  params.bias_gradient = dbias.defined();
  const Plan& plan = context.convolutions().plan(params, Direction::backward_weights, x.dtype());
  check_layout(dy, plan.destination_block(), "output gradient");
  Tensor scratch = workspace(context, plan);
  const Tensor source = in_layout(context, x, layout_of_block(plan.source_block()));
  run(plan, {.x = source.data(),
             .dy = dy.data(),
             .dw = dweights.data(),
             .dbias = dbias.defined() ? dbias.data() : nullptr,
             .accumulate_weights = weights_mode == WriteMode::accumulate,
             .accumulate_bias = bias_mode == WriteMode::accumulate,
             .workspace = scratch.data()});
}

}  // namespace mebm::engine::ops
