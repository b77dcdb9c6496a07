#pragma once
// The device side of engine/ops, same meaning under the same names; shapes are checked before.

#include <span>

#include "engine/ops/convolution.h"
#include "engine/ops/normalization.h"
#include "engine/ops/optimizer.h"
#include "engine/ops/sampling.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/langevin_step/langevin_step.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::engine::ops::device {

// elementwise
void copy(Context& context, const Tensor& from, Tensor& to, WriteMode mode);
void axpby(Context& context, double alpha, const Tensor& x, double beta, Tensor& y);
void multiply(Context& context, double alpha, const Tensor& a, const Tensor& b, Tensor& out, WriteMode mode);
void fill(Context& context, double value, Tensor& out);
void broadcast(Context& context, const Tensor& value, Tensor& out);
void sum_into(Context& context, const Tensor& x, double alpha, Tensor& out, WriteMode mode);
void sum_of_squares_into(Context& context, std::span<const Tensor* const> tensors, Tensor& out);

// convolution
Tensor convolution(Context& context, const kernels::conv2d::Params& params, const Tensor& x,
                   const Tensor& weights, const Tensor& bias, const Tensor& residual);
void convolution_backward_data(Context& context, const kernels::conv2d::Params& params, const Tensor& dy,
                               const Tensor& weights, Tensor& dx, WriteMode mode);
bool convolution_backward_langevin(Context& context, const kernels::conv2d::Params& params, const Tensor& dy,
                                   const Tensor& weights, const LangevinUpdate& update, Tensor& x);
void convolution_backward_weights(Context& context, const kernels::conv2d::Params& params, const Tensor& x,
                                  const Tensor& dy, Tensor& dweights, WriteMode weights_mode, Tensor& dbias,
                                  WriteMode bias_mode);

// normalization
BatchNormForward batch_norm_leaky_relu(Context& context, const Tensor& x, const Tensor& gamma,
                                       const Tensor& beta, const RowGroups& groups, double eps, double leak,
                                       const StatisticsSlots& slots);
BatchNormForward batch_norm_leaky_relu_given(Context& context, const Tensor& x, const Tensor& gamma,
                                             const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                             double eps, double leak);
void batch_norm_leaky_relu_backward(Context& context, const Tensor& x, const Tensor& coefficients,
                                    const Tensor& doutput, const RowGroups& groups, double leak,
                                    bool through_statistics, const BatchNormGradients& gradients);
void fold_statistics(Context& context, std::span<const FoldedLayer> layers, int slots, double momentum);
Tensor leaky_relu(Context& context, const Tensor& x, double leak);
void leaky_relu_backward(Context& context, const Tensor& x, const Tensor& doutput, double leak, Tensor& dx,
                         WriteMode mode);

// dense
Tensor global_average_pool(Context& context, const Tensor& x);
void global_average_pool_backward(Context& context, const Tensor& dfeatures, Tensor& dx, WriteMode mode);
Tensor linear(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias);
void linear_backward_input(Context& context, const Tensor& dy, const Tensor& weights, Tensor& dx,
                           WriteMode mode);
void linear_backward_weights(Context& context, const Tensor& x, const Tensor& dy, Tensor* dweights,
                             WriteMode weights_mode, Tensor* dbias, WriteMode bias_mode);
Tensor logsumexp(Context& context, const Tensor& logits);
void logsumexp_backward(Context& context, const Tensor& logits, const Tensor& dout, Tensor& dlogits,
                        WriteMode mode);
Tensor gather_class(Context& context, const Tensor& logits, const Tensor& labels);
void gather_class_backward(Context& context, const Tensor& labels, const Tensor& dout, Tensor& dlogits,
                           WriteMode mode);
Tensor cross_entropy(Context& context, const Tensor& logits, const Tensor& labels);
void cross_entropy_backward(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& dloss,
                            Tensor& dlogits, WriteMode mode);

// gaussian. moment: fp64 [d,d], the upper triangle of the sum of c c^T over rows.
void add_moment_bytes(Context& context, std::span<const std::uint8_t> images, Tensor& moment);
void add_moment_values(Context& context, std::span<const double> values, Tensor& moment);
// The lower factor in place; the first pivot that is not positive, or -1.
std::int64_t cholesky(Context& context, std::int64_t d, std::span<double> matrix);
void gaussian_draw(Context& context, const Tensor& mean, const Tensor& factor, const Tensor& z, double bound,
                   Tensor& out);

// sampling, optimizer
void langevin_step(Context& context, const kernels::langevin_step::Params& params, const Tensor& gradient,
                   Tensor& x);
void fill_normal(Context& context, const kernels::random_normal::Params& params, const Tensor* iteration_cell,
                 Tensor& out);
void sgd_step(Context& context, const Scalar<double>& learning_rate, double momentum, double weight_decay,
              std::span<const SgdTensors> tensors);

}  // namespace mebm::engine::ops::device
