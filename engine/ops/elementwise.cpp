#include "engine/ops/elementwise.h"

#include <algorithm>

#include "engine/ops/dispatch.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reorder/reorder.h"

namespace mebm::engine::ops {
namespace {

void require_alike(const Tensor& a, const Tensor& b, const char* op) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype() && a.layout() == b.layout(),
          "{}: {} {} does not match {} {}", op, name_of(a.dtype()), a.shape().text(), name_of(b.dtype()),
          b.shape().text());
}

}  // namespace

void copy(Context& context, const Tensor& from, Tensor& to, WriteMode mode) {
  require(from.shape() == to.shape(), "copy: {} does not fit {}", from.shape().text(), to.shape().text());
  if (from.layout() == to.layout() && from.dtype() == to.dtype())
    return axpby(context, 1, from, mode == WriteMode::accumulate ? 1 : 0, to);
  to.bump_version();
  dispatch_float(from.dtype(), "copy", [&]<typename From>() {
    dispatch_float(to.dtype(), "copy", [&]<typename To>() {
      kernels::reorder::copy(context.exec(), feature_map(from), from.as<From>(), feature_map(to), to.as<To>(),
                             mode == WriteMode::accumulate);
    });
  });
}

Tensor clone(Context& context, const Tensor& from) {
  Tensor to = context.empty(from.shape(), from.dtype(), from.layout());
  copy(context, from, to, WriteMode::overwrite);
  return to;
}

Tensor in_layout(Context& context, const Tensor& from, Layout layout) {
  if (from.layout() == layout) return from;
  Tensor to = context.empty(from.shape(), from.dtype(), layout);
  copy(context, from, to, WriteMode::overwrite);
  return to;
}

void axpby(Context& context, double alpha, const Tensor& x, double beta, Tensor& y) {
  require_alike(x, y, "axpby");
  y.bump_version();
  dispatch_float(x.dtype(), "axpby", [&]<typename T>() {
    kernels::elementwise::axpby(context.exec(), x.stored_elements(), alpha, x.as<T>(), beta, y.as<T>());
  });
}

void multiply(Context& context, double alpha, const Tensor& a, const Tensor& b, Tensor& out, WriteMode mode) {
  require_alike(a, b, "multiply");
  require_alike(a, out, "multiply");
  out.bump_version();
  dispatch_float(a.dtype(), "multiply", [&]<typename T>() {
    kernels::elementwise::multiply(context.exec(), a.stored_elements(), alpha, a.as<T>(), b.as<T>(),
                                   out.as<T>(), mode == WriteMode::accumulate);
  });
}

void fill(Context& context, double value, Tensor& out) {
  out.bump_version();
  dispatch_float(out.dtype(), "fill", [&]<typename T>() {
    kernels::elementwise::fill(context.exec(), out.stored_elements(), value, out.as<T>());
  });
}

double sum(Context& context, const Tensor& x) {
  require(x.layout() == Layout::plain, "sum: {} is not in the plain layout", x.shape().text());
  return dispatch_float(x.dtype(), "sum", [&]<typename T>() {
    return kernels::elementwise::sum(context.exec(), x.elements(), x.as<T>());
  });
}

double sum_of_squares(Context& context, const Tensor& x) {
  require(x.layout() == Layout::plain, "sum_of_squares: {} is not in the plain layout", x.shape().text());
  return dispatch_float(x.dtype(), "sum_of_squares", [&]<typename T>() {
    return kernels::elementwise::sum_of_squares(context.exec(), x.elements(), x.as<T>());
  });
}

void read(const Tensor& tensor, std::span<double> out) {
  require(tensor.layout() == Layout::plain && static_cast<std::int64_t>(out.size()) == tensor.elements(),
          "read: {} does not fit {} values", tensor.shape().text(), out.size());
  dispatch_float(tensor.dtype(), "read",
                 [&]<typename T>() { std::copy_n(tensor.as<T>(), out.size(), out.data()); });
}

void write(std::span<const double> values, Tensor& tensor) {
  require(tensor.layout() == Layout::plain && static_cast<std::int64_t>(values.size()) == tensor.elements(),
          "write: {} values do not fit {}", values.size(), tensor.shape().text());
  dispatch_float(tensor.dtype(), "write", [&]<typename T>() {
    std::transform(values.begin(), values.end(), tensor.as<T>(), [](double v) { return static_cast<T>(v); });
  });
  tensor.bump_version();
}

double scalar(const Tensor& tensor) {
  return dispatch_float(tensor.dtype(), "scalar",
                        [&]<typename T>() { return static_cast<double>(*tensor.as<T>()); });
}

}  // namespace mebm::engine::ops
