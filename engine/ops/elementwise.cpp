#include "engine/ops/elementwise.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/device/accelerator.h"
#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/reorder/reorder.h"

namespace mebm::engine::ops {
namespace {

void require_alike(const Tensor& a, const Tensor& b, const char* op) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype() && a.layout() == b.layout(),
          "{}: {} {} does not match {} {}", op, name_of(a.dtype()), a.shape(), name_of(b.dtype()), b.shape());
}

}  // namespace

void copy(Context& context, const Tensor& from, Tensor& to, WriteMode mode) {
  require(from.shape() == to.shape(), "copy: {} does not fit {}", from.shape(), to.shape());
  if (from.layout() == to.layout() && from.dtype() == to.dtype())
    return axpby(context, 1, from, mode == WriteMode::accumulate ? 1 : 0, to);
  to.bump_version();
  if (context.on_device()) return device::copy(context, from, to, mode);
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
  if (context.on_device()) return device::axpby(context, alpha, x, beta, y);
  dispatch_float(x.dtype(), "axpby", [&]<typename T>() {
    kernels::elementwise::axpby(context.exec(), x.stored_elements(), alpha, x.as<T>(), beta, y.as<T>());
  });
}

void multiply(Context& context, double alpha, const Tensor& a, const Tensor& b, Tensor& out, WriteMode mode) {
  require_alike(a, b, "multiply");
  require_alike(a, out, "multiply");
  out.bump_version();
  if (context.on_device()) return device::multiply(context, alpha, a, b, out, mode);
  dispatch_float(a.dtype(), "multiply", [&]<typename T>() {
    kernels::elementwise::multiply(context.exec(), a.stored_elements(), alpha, a.as<T>(), b.as<T>(),
                                   out.as<T>(), mode == WriteMode::accumulate);
  });
}

void fill(Context& context, double value, Tensor& out) {
  out.bump_version();
  if (context.on_device()) return device::fill(context, value, out);
  dispatch_float(out.dtype(), "fill", [&]<typename T>() {
    kernels::elementwise::fill(context.exec(), out.stored_elements(), value, out.as<T>());
  });
}

void broadcast(Context& context, const Tensor& value, Tensor& out) {
  require(value.elements() == 1 && value.dtype() == out.dtype(), "broadcast: {} {} does not fit {} {}",
          name_of(value.dtype()), value.shape(), name_of(out.dtype()), out.shape());
  if (!context.on_device()) return fill(context, scalar(value), out);
  out.bump_version();
  device::broadcast(context, value, out);
}

void sum_into(Context& context, const Tensor& x, double alpha, Tensor& out, WriteMode mode) {
  require(out.elements() == 1, "sum: the result {} is no single number", out.shape());
  out.bump_version();
  if (context.on_device()) return device::sum_into(context, x, alpha, out, mode);
  require(x.layout() == Layout::plain, "sum: {} is not in the plain layout", x.shape());
  const double total = dispatch_float(x.dtype(), "sum", [&]<typename T>() {
    return alpha * kernels::elementwise::sum(context.exec(), x.elements(), x.as<T>());
  });
  dispatch_float(out.dtype(), "sum", [&]<typename T>() {
    const double before = mode == WriteMode::accumulate ? static_cast<double>(*out.as<T>()) : 0;
    *out.as<T>() = static_cast<T>(before + total);
  });
}

void sum_of_squares_into(Context& context, std::span<const Tensor* const> tensors, Tensor& out) {
  require(!tensors.empty() && out.elements() == 1 && out.dtype() == DType::fp64,
          "sum_of_squares: nothing to add up, or a result that is no fp64 number");
  out.bump_version();
  if (context.on_device()) return device::sum_of_squares_into(context, tensors, out);
  double total = 0;
  for (const Tensor* x : tensors) {
    require(x->layout() == Layout::plain, "sum_of_squares: {} is not in the plain layout", x->shape());
    dispatch_float(x->dtype(), "sum_of_squares", [&]<typename T>() {
      total += kernels::elementwise::sum_of_squares(context.exec(), x->elements(), x->as<T>());
    });
  }
  *out.as<double>() = total;
}

double sum(Context& context, const Tensor& x) {
  Tensor out = context.empty({1}, DType::fp64);
  sum_into(context, x, 1, out, WriteMode::overwrite);
  return scalar(out);
}

namespace {

// Calls visit(position in memory, position in the plain order) for every element.
template <typename Visit>
void for_each_position(const Tensor& tensor, const Visit& visit) {
  require(tensor.layout() == Layout::channels_last, "{} is in a private layout", tensor.shape());
  const std::int64_t channels = tensor.extent(1), pixels = tensor.extent(2) * tensor.extent(3);
  for (std::int64_t n = 0; n < tensor.extent(0); ++n)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < pixels; ++p)
        visit((n * pixels + p) * channels + c, (n * channels + c) * pixels + p);
}

}  // namespace

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  std::vector<T> out(static_cast<std::size_t>(tensor.elements()));
  if (out.empty()) return out;
  if (tensor.layout() == Layout::plain) {
    tensor.memory().read(out.data(), tensor.as<T>(), out.size() * sizeof(T));
    return out;
  }
  std::vector<T> stored(out.size());
  tensor.memory().read(stored.data(), tensor.as<T>(), stored.size() * sizeof(T));
  for_each_position(tensor, [&](std::int64_t at, std::int64_t plain) {
    out[static_cast<std::size_t>(plain)] = stored[static_cast<std::size_t>(at)];
  });
  return out;
}

template <typename T>
void assign(std::span<const T> in, Tensor& tensor) {
  require(static_cast<std::int64_t>(in.size()) == tensor.elements(), "write: {} values do not fit {}",
          in.size(), tensor.shape());
  tensor.bump_version();
  if (in.empty()) return;
  if (tensor.layout() == Layout::plain)
    return tensor.memory().write(tensor.as<T>(), in.data(), in.size_bytes());
  std::vector<T> stored(in.size());
  for_each_position(tensor, [&](std::int64_t at, std::int64_t plain) {
    stored[static_cast<std::size_t>(at)] = in[static_cast<std::size_t>(plain)];
  });
  tensor.memory().write(tensor.as<T>(), stored.data(), stored.size() * sizeof(T));
}

template std::vector<float> values(const Tensor&);
template std::vector<double> values(const Tensor&);
template void assign(std::span<const float>, Tensor&);
template void assign(std::span<const double>, Tensor&);

void read(const Tensor& tensor, std::span<double> out) {
  require(static_cast<std::int64_t>(out.size()) == tensor.elements(), "read: {} does not fit {} values",
          tensor.shape(), out.size());
  if (tensor.dtype() == DType::fp64 && tensor.layout() == Layout::plain)
    return tensor.memory().read(out.data(), tensor.data(), out.size_bytes());
  dispatch_float(tensor.dtype(), "read", [&]<typename T>() {
    const std::vector<T> stored = values<T>(tensor);
    std::copy(stored.begin(), stored.end(), out.begin());
  });
}

std::vector<double> host_values(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.elements()));
  read(tensor, values);
  return values;
}

void write(std::span<const double> in, Tensor& tensor) {
  dispatch_float(tensor.dtype(), "write", [&]<typename T>() {
    std::vector<T> converted(in.size());
    std::transform(in.begin(), in.end(), converted.begin(), [](double v) { return static_cast<T>(v); });
    assign<T>(converted, tensor);
  });
}

double scalar(const Tensor& tensor) {
  return dispatch_float(tensor.dtype(), "scalar", [&]<typename T>() {
    T value;
    tensor.memory().read(&value, tensor.data(), sizeof(T));
    return static_cast<double>(value);
  });
}

void join(Context& context) {
  if (context.on_device()) context.accelerator().join();
}

void upload(Context& context, const void* bytes, std::size_t size, Tensor& to) {
  require(size == to.bytes(), "upload: {} bytes do not fit {} {}", size, name_of(to.dtype()), to.shape());
  to.bump_version();
  if (context.on_device()) return context.accelerator().upload(to.data(), bytes, size);
  std::memcpy(to.data(), bytes, size);
}

}  // namespace mebm::engine::ops
