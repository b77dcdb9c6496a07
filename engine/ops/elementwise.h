#pragma once
// Elementwise arithmetic, copies between layouts and types, sums. Shapes, types and layouts must match unless
// said. Whatever is written to has its version raised.

#include <span>

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

// Sums over all elements in fp64 (plain layout).
double sum(Context& context, const Tensor& x);
double sum_of_squares(Context& context, const Tensor& x);

// Host copies of a plain floating tensor.
void read(const Tensor& tensor, std::span<double> out);
void write(std::span<const double> values, Tensor& tensor);
// Element 0 of a floating tensor.
double scalar(const Tensor& tensor);

}  // namespace mebm::engine::ops
