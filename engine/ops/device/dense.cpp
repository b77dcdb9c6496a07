#include "engine/ops/dense.h"

#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/linear/linear.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"

namespace mebm::engine::ops::device {

namespace linear_kernels = kernels::linear::device;
namespace softmax = kernels::softmax::device;

namespace {

const kernels::DeviceExec& exec_of(Context& context) {
  return context.accelerator().exec();
}

}  // namespace

Tensor global_average_pool(Context& context, const Tensor& x) {
  Tensor features = context.empty({x.extent(0), x.extent(1)}, arithmetic_type(x.dtype()));
  dispatch(x.dtype(), "global_average_pool", [&]<typename T>() {
    check(kernels::pool::device::global_average<T>(exec_of(context), channels_last(x, "global_average_pool"),
                                                   x.as<T>(), features.as<kernels::Arithmetic<T>>()));
  });
  return features;
}

void global_average_pool_backward(Context& context, const Tensor& dfeatures, Tensor& dx, WriteMode mode) {
  dispatch(dx.dtype(), "global_average_pool backward", [&]<typename T>() {
    check(kernels::pool::device::global_average_backward<T>(
        exec_of(context), channels_last(dx, "global_average_pool"), dfeatures.as<kernels::Arithmetic<T>>(),
        dx.as<T>(), adds(mode)));
  });
}

Tensor linear(Context& context, const Tensor& x, const Tensor& weights, const Tensor& bias) {
  Tensor y = context.empty({x.extent(0), weights.extent(0)}, x.dtype());
  dispatch_real(x.dtype(), "linear", [&]<typename T>() {
    check(linear_kernels::forward(exec_of(context), x.extent(0), x.extent(1), weights.extent(0), x.as<T>(),
                                  weights.as<T>(), bias.as<T>(), y.as<T>()));
  });
  return y;
}

void linear_backward_input(Context& context, const Tensor& dy, const Tensor& weights, Tensor& dx,
                           WriteMode mode) {
  dispatch_real(dx.dtype(), "linear backward", [&]<typename T>() {
    check(linear_kernels::backward_input(exec_of(context), dx.extent(0), dx.extent(1), weights.extent(0),
                                         dy.as<T>(), weights.as<T>(), dx.as<T>(), adds(mode)));
  });
}

void linear_backward_weights(Context& context, const Tensor& x, const Tensor& dy, Tensor* dweights,
                             WriteMode weights_mode, Tensor* dbias, WriteMode bias_mode) {
  dispatch_real(x.dtype(), "linear backward", [&]<typename T>() {
    check(linear_kernels::backward_weights(exec_of(context), x.extent(0), x.extent(1), dy.extent(1),
                                           x.as<T>(), dy.as<T>(), data_or_null<T>(dweights),
                                           data_or_null<T>(dbias), adds(weights_mode), adds(bias_mode)));
  });
}

Tensor logsumexp(Context& context, const Tensor& logits) {
  Tensor out = context.empty({logits.extent(0)}, logits.dtype());
  dispatch_real(logits.dtype(), "logsumexp", [&]<typename T>() {
    check(softmax::logsumexp(exec_of(context), logits.extent(0), logits.extent(1), logits.as<T>(),
                             out.as<T>()));
  });
  return out;
}

void logsumexp_backward(Context& context, const Tensor& logits, const Tensor& dout, Tensor& dlogits,
                        WriteMode mode) {
  dispatch_real(logits.dtype(), "logsumexp backward", [&]<typename T>() {
    check(softmax::logsumexp_backward(exec_of(context), logits.extent(0), logits.extent(1), logits.as<T>(),
                                      dout.as<T>(), dlogits.as<T>(), adds(mode)));
  });
}

Tensor gather_class(Context& context, const Tensor& logits, const Tensor& labels) {
  Tensor out = context.empty({logits.extent(0)}, logits.dtype());
  dispatch_real(logits.dtype(), "gather_class", [&]<typename T>() {
    check(softmax::gather(exec_of(context), logits.extent(0), logits.extent(1), logits.as<T>(),
                          labels.as<int>(), out.as<T>()));
  });
  return out;
}

void gather_class_backward(Context& context, const Tensor& labels, const Tensor& dout, Tensor& dlogits,
                           WriteMode mode) {
  dispatch_real(dlogits.dtype(), "gather_class backward", [&]<typename T>() {
    check(softmax::gather_backward(exec_of(context), dlogits.extent(0), dlogits.extent(1), labels.as<int>(),
                                   dout.as<T>(), dlogits.as<T>(), adds(mode)));
  });
}

Tensor cross_entropy(Context& context, const Tensor& logits, const Tensor& labels) {
  Tensor out = context.empty({1}, logits.dtype());
  dispatch_real(logits.dtype(), "cross_entropy", [&]<typename T>() {
    check(softmax::cross_entropy(exec_of(context), logits.extent(0), logits.extent(1), logits.as<T>(),
                                 labels.as<int>(), out.as<T>()));
  });
  return out;
}

void cross_entropy_backward(Context& context, const Tensor& logits, const Tensor& labels, const Tensor& dloss,
                            Tensor& dlogits, WriteMode mode) {
  dispatch_real(logits.dtype(), "cross_entropy backward", [&]<typename T>() {
    check(softmax::cross_entropy_backward(exec_of(context), logits.extent(0), logits.extent(1),
                                          logits.as<T>(), labels.as<int>(), dloss.as<T>(), dlogits.as<T>(),
                                          adds(mode)));
  });
}

}  // namespace mebm::engine::ops::device
