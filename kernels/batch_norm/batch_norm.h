#pragma once
// Grouped batch-norm fused with LeakyReLU, forward and backward, over feature maps (kernels/core/exec.h).
//
// Rows are divided into groups, each with statistics of its own (positives, negatives and labelled images go
// through one convolution and are normalised separately). Per group and channel, over its m = rows * pixels
// elements:
//   mean = sum x / m          variance = sum (x - mean)^2 / m          (biased)
//   xhat = (x - mean) / sqrt(variance + eps)
//   u    = gamma xhat + beta  evaluated as  scale x + shift, scale = gamma / sqrt(variance + eps)
//   z    = u > 0 ? u : leak u
// Sums are in fp64 over a fixed partition, so results do not depend on the number of threads.

#include <cstddef>
#include <cstdint>

#include "kernels/core/exec.h"

namespace mebm::kernels::batch_norm {

struct RowGroup {
  std::int64_t begin = 0, count = 0;
};

struct Params {
  FeatureMap map;
  const RowGroup* groups = nullptr;
  int group_count = 0;
  double leak = 0.2;
};

// What the affine step of one group needs; arrays [group_count][channels].
struct Coefficients {
  double* mean;
  double* inverse_deviation;  // 1 / sqrt(variance + eps)
  double* scale;
  double* shift;
};

// Bytes of scratch for statistics() and backward_sums().
std::size_t scratch_bytes(const Params& params);

// mean, variance [group_count][channels], overwritten. Sums are taken about the group's first element of the
// channel, so that a mean far from zero costs no digits.
template <typename T>
void statistics(const CpuExec& exec, const Params& params, const T* x, double* mean, double* variance,
                void* scratch);

// scale and shift from mean, inverse_deviation and the affine parameters gamma, beta [channels].
template <typename T>
void coefficients(const Params& params, const T* gamma, const T* beta, const Coefficients& c);

// z = leaky(scale x + shift); z may alias x.
template <typename T>
void apply(const CpuExec& exec, const Params& params, const Coefficients& c, const T* x, T* z);

// With du = dz (u > 0 ? 1 : leak): sum_du = sum du, sum_du_xhat = sum du xhat, [group_count][channels].
// These are the gradients of beta and gamma, per group.
template <typename T>
void backward_sums(const CpuExec& exec, const Params& params, const Coefficients& c, const T* x, const T* dz,
                   double* sum_du, double* sum_du_xhat, void* scratch);

// Gradient of x. Through the statistics (batch mode):
//   dx = scale (du - sum_du / m - xhat sum_du_xhat / m)
// With statistics held fixed (running mode; sums == nullptr): dx = scale du.
// accumulate: added to dx (dx must not alias dz); else overwritten (dx may alias dz).
template <typename T>
void backward_apply(const CpuExec& exec, const Params& params, const Coefficients& c, const double* sum_du,
                    const double* sum_du_xhat, const T* x, const T* dz, T* dx, bool accumulate);

}  // namespace mebm::kernels::batch_norm
