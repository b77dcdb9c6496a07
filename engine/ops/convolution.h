#pragma once
// Convolutions on tensors: checks, output shapes and layouts, plans and prepared weights from the context's
// cache.

#include "engine/device/context.h"
#include "engine/ops/sampling.h"

namespace mebm::engine::ops {

struct ConvolutionShape {
  int stride = 1;
  int padding = 1;
};

// Whether fp32 convolutions on the CPU with kernel 3, stride 1 and padding 1 on size x size pixels are
// computed by Winograd's algorithm, forward and backward.
bool convolution_uses_winograd(ConvolutionChoice choice, std::int64_t in_channels, std::int64_t out_channels,
                               std::int64_t size);

// Whether a forward convolution will come before the weights change. Large private formats of weights that
// change first are not kept (memory alone depends on it).
enum class WeightUse { again, last };

// y = conv(x, weights) + bias [+ residual]. x [N,I,H,W]; weights [O,I,k,k] plain; bias [O]; residual has y's
// shape and may be an undefined tensor. A residual nobody else holds is added to in place and returned.
Tensor convolution(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias,
                   const ConvolutionShape& shape, Tensor residual, WeightUse use = WeightUse::again);

// Gradient with respect to x, shape x_shape, layout dx.layout(); dx is written or added to.
void convolution_backward_data(Context& context, const Tensor& dy, const Tensor& weights,
                               const ConvolutionShape& shape, Tensor& dx, WriteMode mode);

// convolution_backward_data() and the Langevin update of x with that gradient, in one pass, where there is a
// kernel for it (the first convolution, on a device). Returns false, and does nothing, where there is none.
bool convolution_backward_langevin(Context& context, const Tensor& dy, const Tensor& weights,
                                   const ConvolutionShape& shape, const LangevinUpdate& update, Tensor& x);

// Gradients with respect to weights and bias (plain); an undefined tensor is left out.
void convolution_backward_weights(Context& context, const Tensor& x, const Tensor& dy,
                                  const ConvolutionShape& shape, Tensor& dweights, WriteMode weights_mode,
                                  Tensor& dbias, WriteMode bias_mode);

}  // namespace mebm::engine::ops
