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

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"
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

namespace device {

constexpr int kMaxGroups = 4;

struct Params {
  ChannelsLast map;
  RowGroup groups[kMaxGroups];
  int group_count = 0;
  double leak = 0.2, eps = 1e-5;
};

// Arrays [group_count][channels] in the type arithmetic on T is done in.
template <typename T>
struct Coefficients {
  Arithmetic<T>*mean, *inverse_deviation, *scale, *shift;
};

// Where group g leaves its mean and unbiased variance, [channels] each; null: nowhere.
struct Slots {
  double* mean[kMaxGroups] = {};
  double* unbiased_variance[kMaxGroups] = {};
};

// Bytes of scratch, 16-byte aligned, for statistics() and backward_sums().
std::size_t scratch_bytes(const DeviceExec& exec, const Params& params);

// Batch statistics of x and the coefficients made from them; gamma, beta [channels]. Blocks leave partial
// sums about the group's first element of the channel; the last block of a group combines them in fp64 in a
// fixed order.
template <typename T>
Status statistics(const DeviceExec& exec, const Params& params, const T* x, const Arithmetic<T>* gamma,
                  const Arithmetic<T>* beta, const Coefficients<T>& c, const Slots& slots, void* scratch);

// The coefficients of given statistics (running mode; one group): mean, variance [channels].
template <typename T>
Status coefficients(const DeviceExec& exec, const Params& params, const Arithmetic<T>* mean,
                    const Arithmetic<T>* variance, const Arithmetic<T>* gamma, const Arithmetic<T>* beta,
                    const Coefficients<T>& c);

// z = leaky(scale x + shift); z may alias x.
template <typename T>
Status apply(const DeviceExec& exec, const Params& params, const Coefficients<T>& c, const T* x, T* z);

// sum_du, sum_du_xhat [group_count][channels] as on the CPU. dgamma, dbeta [channels] (null: not wanted):
// their sums over groups, overwritten or accumulated.
template <typename T>
struct Sums {
  Arithmetic<T>*du, *du_xhat;
  Arithmetic<T>*dgamma = nullptr, *dbeta = nullptr;
  bool accumulate_dgamma = false, accumulate_dbeta = false;
};
template <typename T>
Status backward_sums(const DeviceExec& exec, const Params& params, const Coefficients<T>& c, const T* x,
                     const T* dz, const Sums<T>& sums, void* scratch);

// As on the CPU: through the statistics, or (sums == nullptr) with them held fixed. dx may alias dz where it
// is overwritten.
template <typename T>
Status backward_apply(const DeviceExec& exec, const Params& params, const Coefficients<T>& c,
                      const Sums<T>* sums, const T* x, const T* dz, T* dx, bool accumulate);

// Folds slots 0 ... slots - 1 in this order into running statistics: running = (1 - m) running + m new, in
// fp64, rounded once. One launch for all layers; `layers` is an array in device memory. The launch declares
// `arrays`, the memory the layers point to, besides.
template <typename Real>
struct FoldLayer {
  const double *mean, *unbiased_variance;  // [slots][channels]
  Real *running_mean, *running_variance;   // [channels]
  std::int64_t channels;
};
template <typename Real>
Status fold_statistics(const DeviceExec& exec, const FoldLayer<Real>* layers, int layer_count,
                       std::int64_t max_channels, int slots, double momentum,
                       const runtime::Accesses& arrays);

}  // namespace device

}  // namespace mebm::kernels::batch_norm
