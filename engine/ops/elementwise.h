#pragma once
// Elementwise arithmetic, copies between layouts and types, sums. Shapes, types and layouts must match unless
// said. Whatever is written to has its version raised.

#include <span>
#include <vector>

#include "engine/device/context.h"

namespace mebm::engine::ops {

// to (+)= from, across layouts and floating types.
void copy(Context& context, const Tensor& from, Tensor& to, WriteMode mode);
// A new tensor with the contents of `from`.
Tensor clone(Context& context, const Tensor& from);
// `from` in another layout (the same tensor when it has that layout).
Tensor in_layout(Context& context, const Tensor& from, Layout layout);

// y = alpha x + beta y; y is not read where beta = 0.
void axpby(Context& context, double alpha, const Tensor& x, double beta, Tensor& y);
// out (+)= alpha a b
void multiply(Context& context, double alpha, const Tensor& a, const Tensor& b, Tensor& out, WriteMode mode);
void fill(Context& context, double value, Tensor& out);
// out = value everywhere; value has one element.
void broadcast(Context& context, const Tensor& value, Tensor& out);

// out (one element) (+)= alpha times the sum over all elements of x, in fp64.
void sum_into(Context& context, const Tensor& x, double alpha, Tensor& out, WriteMode mode);
// out (fp64, one element) = sum of squares over all tensors, in fp64.
void sum_of_squares_into(Context& context, std::span<const Tensor* const> tensors, Tensor& out);
// The sum itself, fetched from where it is.
double sum(Context& context, const Tensor& x);

// Host copies of a floating tensor, in the order of the plain layout (N,C,H,W), wherever and however it lies.
void read(const Tensor& tensor, std::span<double> out);
std::vector<double> host_values(const Tensor& tensor);
void write(std::span<const double> values, Tensor& tensor);
// The same in the tensor's own type, float or double.
template <typename T>
std::vector<T> values(const Tensor& tensor);
template <typename T>
void assign(std::span<const T> values, Tensor& tensor);
// Element 0 of a floating tensor.
double scalar(const Tensor& tensor);
// Later work waits for weight gradients that a device computes beside everything else.
void join(Context& context);
// Replaces the tensor's contents by host bytes in its own type and layout; the host may reuse them at once.
void upload(Context& context, const void* bytes, std::size_t size, Tensor& to);

}  // namespace mebm::engine::ops
