#pragma once
// The network's layers on the tape.

#include "autograd/tape.h"
#include "engine/ops/convolution.h"
#include "engine/ops/normalization.h"

namespace mebm::autograd {

// Whether a bias's gradient has to be summed. cancels: whatever reads the output removes every per-channel
// constant (batch statistics subtract the channel's mean), so that the gradient is exactly zero.
enum class BiasGradient { computed, cancels };

// y = conv(x, weights) + bias [+ residual]; see engine/ops/convolution.h. Pass the residual by value: the op
// adds to it in place when it is the last owner.
Variable convolution(Tape& tape, const Variable& x, const Variable& weights, const Variable& bias,
                     const engine::ops::ConvolutionShape& shape, Variable residual,
                     BiasGradient bias_gradient = BiasGradient::computed);
// The adjoints of convolution, linear in both arguments.
Variable convolution_input_gradient(Tape& tape, const Variable& dy, const Variable& weights,
                                    const engine::ops::ConvolutionShape& shape, const engine::Shape& x_shape,
                                    engine::Layout x_layout);
Variable convolution_weight_gradient(Tape& tape, const Variable& x, const Variable& dy,
                                     const engine::ops::ConvolutionShape& shape,
                                     const engine::Shape& weight_shape);

// What a batch-norm layer normalises with.
struct NormStatistics {
  bool from_batch = true;
  engine::Tensor running_mean, running_variance;  // [C], used when !from_batch
  engine::ops::StatisticsSlots slots;             // where batch statistics are left, when from_batch
};

// leaky(gamma (x - mean) / sqrt(variance + eps) + beta) with statistics per group of rows. The gradient flows
// through batch statistics.
Variable batch_norm_leaky_relu(Tape& tape, const Variable& x, const Variable& gamma, const Variable& beta,
                               const NormStatistics& statistics, const engine::ops::RowGroups& groups,
                               double eps, double leak);

Variable global_average_pool(Tape& tape, const Variable& x);  // [N,C,H,W] -> [N,C]
Variable linear(Tape& tape, const Variable& x, const Variable& weights, const Variable& bias);

Variable logsumexp(Tape& tape, const Variable& logits);                                   // [N,C] -> [N]
Variable gather_class(Tape& tape, const Variable& logits, const engine::Tensor& labels);  // [N,C] -> [N]
Variable cross_entropy(Tape& tape, const Variable& logits,
                       const engine::Tensor& labels);  // mean over rows, [1]

}  // namespace mebm::autograd
