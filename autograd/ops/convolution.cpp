#include "engine/ops/convolution.h"

#include "autograd/ops/layers.h"

namespace mebm::autograd {
namespace {

using engine::Layout;
using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
using engine::ops::ConvolutionShape;
namespace ops = engine::ops;

// Inputs: x, weights, bias, residual. Saved: weights, then x where the weight gradient is wanted.
struct ConvolutionAttributes {
  ConvolutionShape shape;
  Shape x_shape, weight_shape;
  Layout x_layout;
  BiasGradient bias_gradient = BiasGradient::computed;
};

void convolution_backward(BackwardContext& b) {
  const auto a = b.attributes<ConvolutionAttributes>();
  const Tensor& dy = b.gradient();
  engine::require(b.needs(1) || !b.needs(2),
                  "convolution: a bias gradient without a weight gradient is not available");
  if (b.needs(3)) b.pass(3, dy);
  if (b.needs(1)) {
    const GradTarget dw = b.target(1);
    Tensor none;
    const bool cancels = a.bias_gradient == BiasGradient::cancels;
    if (b.needs(2) && cancels) b.zero(2);
    const GradTarget dbias = b.needs(2) && !cancels ? b.target(2) : GradTarget{&none, WriteMode::overwrite};
    ops::convolution_backward_weights(b.context(), b.saved(1), dy, a.shape, *dw.tensor, dw.mode,
                                      *dbias.tensor, dbias.mode);
  }
  if (!b.needs(0)) return;
  const auto fused = [&](const ops::LangevinUpdate& update, Tensor& x) {
    return ops::convolution_backward_langevin(b.context(), dy, b.saved(0), a.shape, update, x);
  };
  if (b.move(0, fused)) return;
  const GradTarget dx = b.target(0);
  ops::convolution_backward_data(b.context(), dy, b.saved(0), a.shape, *dx.tensor, dx.mode);
}

void convolution_backward_recorded(RecordedBackward& b) {
  const auto a = b.attributes<ConvolutionAttributes>();
  if (b.needs(2)) engine::fail("second derivatives through the bias of 'convolution' are not available");
  if (b.needs(3)) b.give(3, b.gradient());
  if (b.needs(1))
    b.give(1, convolution_weight_gradient(b.tape(), b.saved(1), b.gradient(), a.shape, a.weight_shape));
  if (b.needs(0))
    b.give(0, convolution_input_gradient(b.tape(), b.gradient(), b.saved(0), a.shape, a.x_shape, a.x_layout));
}

const Operation kConvolution{"convolution", convolution_backward, convolution_backward_recorded};

Variable no_residual() {
  return {};
}

// g = conv^T(dy, w): inputs dy, w; saved dy, w.
const Operation kInputGradient{
    "convolution_input_gradient",
    [](BackwardContext& b) {
      const auto a = b.attributes<ConvolutionAttributes>();
      if (b.needs(0))
        b.pass(0, ops::convolution(b.context(), b.gradient(), b.saved(1), Tensor(), a.shape, Tensor()));
      if (b.needs(1)) {
        const GradTarget dw = b.target(1);
        Tensor none;
        ops::convolution_backward_weights(b.context(), b.gradient(), b.saved(0), a.shape, *dw.tensor, dw.mode,
                                          none, WriteMode::overwrite);
      }
    },
    [](RecordedBackward& b) {
      const auto a = b.attributes<ConvolutionAttributes>();
      if (b.needs(0)) b.give(0, convolution(b.tape(), b.gradient(), b.saved(1), {}, a.shape, no_residual()));
      if (b.needs(1))
        b.give(1, convolution_weight_gradient(b.tape(), b.gradient(), b.saved(0), a.shape, a.weight_shape));
    }};

// g = weight gradient of (x, dy): inputs x, dy; saved x, dy.
const Operation kWeightGradient{
    "convolution_weight_gradient",
    [](BackwardContext& b) {
      const auto a = b.attributes<ConvolutionAttributes>();
      if (b.needs(0)) {
        const GradTarget dx = b.target(0);
        ops::convolution_backward_data(b.context(), b.saved(1), b.gradient(), a.shape, *dx.tensor, dx.mode);
      }
      if (b.needs(1))
        b.pass(1, ops::convolution(b.context(), b.saved(0), b.gradient(), Tensor(), a.shape, Tensor()));
    },
    [](RecordedBackward& b) {
      const auto a = b.attributes<ConvolutionAttributes>();
      if (b.needs(0))
        b.give(0, convolution_input_gradient(b.tape(), b.saved(1), b.gradient(), a.shape, a.x_shape,
                                             a.x_layout));
      if (b.needs(1)) b.give(1, convolution(b.tape(), b.saved(0), b.gradient(), {}, a.shape, no_residual()));
    }};

}  // namespace

Variable convolution(Tape& tape, const Variable& x, const Variable& weights, const Variable& bias,
                     const ConvolutionShape& shape, Variable residual, BiasGradient bias_gradient) {
  const int residual_slot = residual.slot;
  // Weights whose gradient is wanted are about to be updated.
  const ops::WeightUse use = weights.needs_gradient() ? ops::WeightUse::last : ops::WeightUse::again;
  Variable out{ops::convolution(tape.context(), x.value, weights.value, bias.value, shape,
                                std::move(residual.value), use)};
  if (Node* node = tape.record(kConvolution, {x.slot, weights.slot, bias.slot, residual_slot}, out)) {
    node->set(ConvolutionAttributes{shape, x.value.shape(), weights.value.shape(), x.value.layout(),
                                    bias_gradient});
    node->save(weights);
    if (weights.needs_gradient()) tape.save_or_make_again(*node, x);
  }
  return out;
}

Variable convolution_input_gradient(Tape& tape, const Variable& dy, const Variable& weights,
                                    const ConvolutionShape& shape, const Shape& x_shape, Layout x_layout) {
  Variable out{tape.context().empty(x_shape, dy.value.dtype(), x_layout)};
  ops::convolution_backward_data(tape.context(), dy.value, weights.value, shape, out.value,
                                 WriteMode::overwrite);
  if (Node* node = tape.record(kInputGradient, {dy.slot, weights.slot}, out)) {
    node->set(ConvolutionAttributes{shape, x_shape, weights.value.shape(), x_layout});
    node->save(dy);
    node->save(weights);
  }
  return out;
}

Variable convolution_weight_gradient(Tape& tape, const Variable& x, const Variable& dy,
                                     const ConvolutionShape& shape, const Shape& weight_shape) {
  Variable out{tape.context().empty(weight_shape, x.value.dtype())};
  Tensor none;
  ops::convolution_backward_weights(tape.context(), x.value, dy.value, shape, out.value, WriteMode::overwrite,
                                    none, WriteMode::overwrite);
  if (Node* node = tape.record(kWeightGradient, {x.slot, dy.slot}, out)) {
    node->set(ConvolutionAttributes{shape, x.value.shape(), weight_shape, x.value.layout()});
    node->save(x);
    node->save(dy);
  }
  return out;
}

}  // namespace mebm::autograd
