#pragma once
// Pooling, fully connected layers and functions of class logits.

#include <cstdint>
#include <span>

#include "engine/device/context.h"

namespace mebm::engine::ops {

// features [N, C] = mean of x [N,C,H,W] over its pixels.
Tensor global_average_pool(Context& context, const Tensor& x);
void global_average_pool_backward(Context& context, const Tensor& dfeatures, Tensor& dx, WriteMode mode);

// y [N,O] = x [N,D] weights^T [O,D] + bias [O]
Tensor linear(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias);
void linear_backward_input(Context& context, const Tensor& dy, const Tensor& weights, Tensor& dx,
                           WriteMode mode);
// dweights, dbias may be null.
void linear_backward_weights(Context& context, const Tensor& x, const Tensor& dy, Tensor* dweights,
                             WriteMode weights_mode, Tensor* dbias, WriteMode bias_mode);

// Labels as an int32 tensor [N]; every label must be in 0 ... classes - 1 (checked).
Tensor make_labels(Context& context, std::span<const std::int32_t> labels, std::int64_t classes);
// The same into a tensor there is already.
void write_labels(Context& context, std::span<const std::int32_t> labels, std::int64_t classes, Tensor& out);

Tensor logsumexp(Context& context, const Tensor& logits);  // [N,C] -> [N]
void logsumexp_backward(Context& context, const Tensor& logits, const Tensor& dout, Tensor& dlogits,
                        WriteMode mode);
Tensor gather_class(Context& context, const Tensor& logits,
                    const Tensor& labels);  // out[n] = logits[n][labels[n]]
void gather_class_backward(Context& context, const Tensor& labels, const Tensor& dout, Tensor& dlogits,
                           WriteMode mode);
Tensor cross_entropy(Context& context, const Tensor& logits, const Tensor& labels);  // mean over rows, [1]
// dloss: one element.
void cross_entropy_backward(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& dloss,
                            Tensor& dlogits, WriteMode mode);

}  // namespace mebm::engine::ops
