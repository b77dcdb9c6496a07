#include "engine/ops/dense.h"

#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/elementwise.h"
#include "kernels/linear/linear.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"

namespace mebm::engine::ops {
namespace {

bool adds(WriteMode mode) {
  return mode == WriteMode::accumulate;
}

void check_logits(const Tensor& logits, const Tensor& labels, const char* op) {
  require(logits.shape().rank() == 2 && labels.shape().rank() == 1 && labels.extent(0) == logits.extent(0),
          "{}: logits {} do not fit labels {}", op, logits.shape(), labels.shape());
}

}  // namespace

Tensor global_average_pool(Context& context, const Tensor& x) {
  require(x.shape().rank() == 4, "global_average_pool: {} is not N,C,H,W", x.shape());
  if (context.on_device()) return device::global_average_pool(context, x);
  Tensor features = context.empty({x.extent(0), x.extent(1)}, x.dtype());
  dispatch_float(x.dtype(), "global_average_pool", [&]<typename T>() {
    kernels::pool::global_average(context.exec(), feature_map(x), x.as<T>(), features.as<T>());
  });
  return features;
}

void global_average_pool_backward(Context& context, const Tensor& dfeatures, Tensor& dx, WriteMode mode) {
  if (context.on_device()) return device::global_average_pool_backward(context, dfeatures, dx, mode);
  dispatch_float(dx.dtype(), "global_average_pool backward", [&]<typename T>() {
    kernels::pool::global_average_backward(context.exec(), feature_map(dx), dfeatures.as<T>(), dx.as<T>(),
                                           adds(mode));
  });
}

Tensor linear(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias) {
  require(x.shape().rank() == 2 && weights.shape().rank() == 2 && x.extent(1) == weights.extent(1) &&
              bias.elements() == weights.extent(0),
          "linear: input {} does not fit weights {} and bias {}", x.shape(), weights.shape(), bias.shape());
  if (context.on_device()) return device::linear(context, x, weights, bias);
  Tensor y = context.empty({x.extent(0), weights.extent(0)}, x.dtype());
  dispatch_float(x.dtype(), "linear", [&]<typename T>() {
    kernels::linear::forward(x.extent(0), x.extent(1), weights.extent(0), x.as<T>(), weights.as<T>(),
                             bias.as<T>(), y.as<T>());
  });
  return y;
}

void linear_backward_input(Context& context, const Tensor& dy, const Tensor& weights, Tensor& dx,
                           WriteMode mode) {
  if (context.on_device()) return device::linear_backward_input(context, dy, weights, dx, mode);
  dispatch_float(dx.dtype(), "linear backward", [&]<typename T>() {
    kernels::linear::backward_input(dx.extent(0), dx.extent(1), weights.extent(0), dy.as<T>(),
                                    weights.as<T>(), dx.as<T>(), adds(mode));
  });
}

void linear_backward_weights(Context& context, const Tensor& x, const Tensor& dy, Tensor* dweights,
                             WriteMode weights_mode, Tensor* dbias, WriteMode bias_mode) {
  if (context.on_device())
    return device::linear_backward_weights(context, x, dy, dweights, weights_mode, dbias, bias_mode);
  dispatch_float(x.dtype(), "linear backward", [&]<typename T>() {
    kernels::linear::backward_weights(x.extent(0), x.extent(1), dy.extent(1), x.as<T>(), dy.as<T>(),
                                      dweights != nullptr ? dweights->as<T>() : nullptr,
                                      dbias != nullptr ? dbias->as<T>() : nullptr, adds(weights_mode),
                                      adds(bias_mode));
  });
}

Tensor make_labels(Context& context, std::span<const std::int32_t> labels, std::int64_t classes) {
  Tensor out = context.empty({static_cast<std::int64_t>(labels.size())}, DType::int32);
  write_labels(context, labels, classes, out);
  return out;
}

void write_labels(Context& context, std::span<const std::int32_t> labels, std::int64_t classes, Tensor& out) {
  for (std::size_t i = 0; i < labels.size(); ++i)
    require(labels[i] >= 0 && labels[i] < classes, "label {} of row {} is outside 0 ... {}", labels[i], i,
            classes - 1);
  upload(context, labels.data(), labels.size_bytes(), out);
}

Tensor logsumexp(Context& context, const Tensor& logits) {
  if (context.on_device()) return device::logsumexp(context, logits);
  Tensor out = context.empty({logits.extent(0)}, logits.dtype());
  dispatch_float(logits.dtype(), "logsumexp", [&]<typename T>() {
    kernels::softmax::logsumexp(logits.extent(0), logits.extent(1), logits.as<T>(), out.as<T>());
  });
  return out;
}

void logsumexp_backward(Context& context, const Tensor& logits, const Tensor& dout, Tensor& dlogits,
                        WriteMode mode) {
  if (context.on_device()) return device::logsumexp_backward(context, logits, dout, dlogits, mode);
  dispatch_float(logits.dtype(), "logsumexp backward", [&]<typename T>() {
    kernels::softmax::logsumexp_backward(logits.extent(0), logits.extent(1), logits.as<T>(), dout.as<T>(),
                                         dlogits.as<T>(), adds(mode));
  });
}

Tensor gather_class(Context& context, const Tensor& logits, const Tensor& labels) {
  check_logits(logits, labels, "gather_class");
  if (context.on_device()) return device::gather_class(context, logits, labels);
  Tensor out = context.empty({logits.extent(0)}, logits.dtype());
  dispatch_float(logits.dtype(), "gather_class", [&]<typename T>() {
    kernels::softmax::gather(logits.extent(0), logits.extent(1), logits.as<T>(), labels.as<int>(),
                             out.as<T>());
  });
  return out;
}

void gather_class_backward(Context& context, const Tensor& labels, const Tensor& dout, Tensor& dlogits,
                           WriteMode mode) {
  if (context.on_device()) return device::gather_class_backward(context, labels, dout, dlogits, mode);
  dispatch_float(dlogits.dtype(), "gather_class backward", [&]<typename T>() {
    kernels::softmax::gather_backward(dlogits.extent(0), dlogits.extent(1), labels.as<int>(), dout.as<T>(),
                                      dlogits.as<T>(), adds(mode));
  });
}

Tensor cross_entropy(Context& context, const Tensor& logits, const Tensor& labels) {
  check_logits(logits, labels, "cross_entropy");
  if (context.on_device()) return device::cross_entropy(context, logits, labels);
  Tensor out = context.empty({1}, logits.dtype());
  dispatch_float(logits.dtype(), "cross_entropy", [&]<typename T>() {
    *out.as<T>() = static_cast<T>(kernels::softmax::cross_entropy(logits.extent(0), logits.extent(1),
                                                                  logits.as<T>(), labels.as<int>()));
  });
  return out;
}

void cross_entropy_backward(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& dloss,
                            Tensor& dlogits, WriteMode mode) {
  if (context.on_device())
    return device::cross_entropy_backward(context, logits, labels, dloss, dlogits, mode);
  dispatch_float(logits.dtype(), "cross_entropy backward", [&]<typename T>() {
    kernels::softmax::cross_entropy_backward(logits.extent(0), logits.extent(1), logits.as<T>(),
                                             labels.as<int>(), scalar(dloss), dlogits.as<T>(), adds(mode));
  });
}

}  // namespace mebm::engine::ops
