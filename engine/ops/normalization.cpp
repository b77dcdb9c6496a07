#include "engine/ops/normalization.h"

#include <cmath>

#include "engine/ops/device/ops.h"
#include "engine/ops/dispatch.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/leaky_relu/leaky_relu.h"

namespace mebm::engine::ops {
namespace {

using kernels::batch_norm::Coefficients;
using kernels::batch_norm::Params;
using kernels::batch_norm::RowGroup;

// The kernel's parameters with storage for the row ranges.
struct KernelParams {
  std::array<RowGroup, RowGroups::kMaxGroups> ranges;
  Params params;

  KernelParams(const Tensor& x, const RowGroups& groups, double leak) {
    std::int64_t begin = 0;
    for (int g = 0; g < groups.count; ++g) {
      const std::int64_t rows = groups.counts[static_cast<std::size_t>(g)];
      ranges[static_cast<std::size_t>(g)] = {begin, rows};
      begin += rows;
    }
    require(begin == x.extent(0), "batch_norm: groups hold {} rows, the input {}", begin, x.shape());
    params = {feature_map(x), ranges.data(), groups.count, leak};
  }
  KernelParams(const KernelParams&) = delete;
  KernelParams& operator=(const KernelParams&) = delete;
};

Coefficients coefficient_arrays(const Tensor& tensor) {
  double* base = const_cast<double*>(tensor.as<double>());
  const std::int64_t n = tensor.extent(1);
  return {base, base + n, base + 2 * n, base + 3 * n};
}

void check_affine(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  require(x.shape().rank() == 4 && gamma.elements() == x.extent(1) && beta.elements() == x.extent(1),
          "batch_norm: input {} does not fit gamma {} and beta {}", x.shape(), gamma.shape(), beta.shape());
}

void check_slots(const Tensor& x, const RowGroups& groups, const StatisticsSlots& slots) {
  for (int g = 0; g < groups.count; ++g) {
    const int slot = slots.slot[static_cast<std::size_t>(g)];
    if (slot == StatisticsSlots::kNotRecorded) continue;
    require(slots.mean != nullptr && slots.unbiased_variance != nullptr && slot >= 0 &&
                slot < slots.mean->extent(0) && slots.mean->extent(1) == x.extent(1) &&
                slots.unbiased_variance->shape() == slots.mean->shape(),
            "batch_norm: no statistics slot {} for {} channels was reserved", slot, x.extent(1));
    require(groups.counts[static_cast<std::size_t>(g)] * x.extent(2) * x.extent(3) > 1,
            "batch_norm: batch statistics of a single value have no variance");
  }
}

// mean, variance [groups][channels], biased.
void record_statistics(const Params& params, const double* mean, const double* variance,
                       const StatisticsSlots& slots) {
  const std::int64_t channels = params.map.channels;
  for (int g = 0; g < params.group_count; ++g) {
    const int slot = slots.slot[static_cast<std::size_t>(g)];
    if (slot == StatisticsSlots::kNotRecorded) continue;
    const double m = static_cast<double>(params.groups[g].count * params.map.pixels);
    for (std::int64_t c = 0; c < channels; ++c) {
      slots.mean->as<double>()[slot * channels + c] = mean[g * channels + c];
      slots.unbiased_variance->as<double>()[slot * channels + c] = variance[g * channels + c] * (m / (m - 1));
    }
  }
}

Tensor scratch_for(Context& context, const Params& params) {
  return context.empty(
      {static_cast<std::int64_t>(kernels::batch_norm::scratch_bytes(params) / sizeof(double)) + 1},
      DType::fp64);
}

// coefficients hold mean and inverse_deviation already.
void finish_forward(Context& context, const Params& params, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, BatchNormForward& result) {
  const Coefficients c = coefficient_arrays(result.coefficients);
  result.output = context.empty(x.shape(), x.dtype(), x.layout());
  dispatch_float(x.dtype(), "batch_norm", [&]<typename T>() {
    kernels::batch_norm::coefficients(params, gamma.as<T>(), beta.as<T>(), c);
    kernels::batch_norm::apply(context.exec(), params, c, x.as<T>(), result.output.as<T>());
  });
}

// target (+)= sum over groups of values [groups][channels]
template <typename T>
void reduce_groups(const double* values, int groups, Tensor& target, WriteMode mode) {
  T* out = target.as<T>();
  const std::int64_t channels = target.elements();
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int g = 0; g < groups; ++g) sum += values[g * channels + c];
    out[c] = static_cast<T>(sum) + (mode == WriteMode::accumulate ? out[c] : T(0));
  }
}

}  // namespace

BatchNormForward batch_norm_leaky_relu(Context& context, const Tensor& x, const Tensor& gamma,
                                       const Tensor& beta, const RowGroups& groups, double eps, double leak,
                                       const StatisticsSlots& slots) {
  check_affine(x, gamma, beta);
  check_slots(x, groups, slots);
  if (context.on_device())
    return device::batch_norm_leaky_relu(context, x, gamma, beta, groups, eps, leak, slots);
  const KernelParams kernel(x, groups, leak);
  BatchNormForward result;
  const std::int64_t entries = groups.count * x.extent(1);
  result.coefficients = context.empty({4, entries}, DType::fp64);
  Tensor batch_variance = context.empty({groups.count, x.extent(1)}, DType::fp64);
  const Coefficients c = coefficient_arrays(result.coefficients);
  double* variance = batch_variance.as<double>();
  Tensor scratch = scratch_for(context, kernel.params);
  dispatch_float(x.dtype(), "batch_norm", [&]<typename T>() {
    kernels::batch_norm::statistics(context.exec(), kernel.params, x.as<T>(), c.mean, variance,
                                    scratch.data());
  });
  for (std::int64_t i = 0; i < entries; ++i) c.inverse_deviation[i] = 1 / std::sqrt(variance[i] + eps);
  record_statistics(kernel.params, c.mean, variance, slots);
  finish_forward(context, kernel.params, x, gamma, beta, result);
  return result;
}

BatchNormForward batch_norm_leaky_relu_given(Context& context, const Tensor& x, const Tensor& gamma,
                                             const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                             double eps, double leak) {
  check_affine(x, gamma, beta);
  require(mean.elements() == x.extent(1) && variance.elements() == x.extent(1),
          "batch_norm: statistics {} do not fit input {}", mean.shape(), x.shape());
  if (context.on_device())
    return device::batch_norm_leaky_relu_given(context, x, gamma, beta, mean, variance, eps, leak);
  const KernelParams kernel(x, RowGroups::single(x.extent(0)), leak);
  BatchNormForward result;
  result.coefficients = context.empty({4, x.extent(1)}, DType::fp64);
  const Coefficients c = coefficient_arrays(result.coefficients);
  dispatch_float(x.dtype(), "batch_norm", [&]<typename T>() {
    for (std::int64_t i = 0; i < x.extent(1); ++i) {
      c.mean[i] = static_cast<double>(mean.as<T>()[i]);
      c.inverse_deviation[i] = 1 / std::sqrt(static_cast<double>(variance.as<T>()[i]) + eps);
    }
  });
  finish_forward(context, kernel.params, x, gamma, beta, result);
  return result;
}

Tensor batch_norm_leaky_relu_again(Context& context, const Tensor& x, const Tensor& coefficients,
                                   const RowGroups& groups, double leak, bool from_batch) {
  require(!context.on_device(), "batch_norm: outputs are not made again on a device");
  const KernelParams kernel(x, from_batch ? groups : RowGroups::single(x.extent(0)), leak);
  Tensor output = context.empty(x.shape(), x.dtype(), x.layout());
  dispatch_float(x.dtype(), "batch_norm", [&]<typename T>() {
    kernels::batch_norm::apply(context.exec(), kernel.params, coefficient_arrays(coefficients), x.as<T>(),
                               output.as<T>());
  });
  return output;
}

void batch_norm_leaky_relu_backward(Context& context, const Tensor& x, const Tensor& coefficients,
                                    const Tensor& doutput, const RowGroups& groups, double leak,
                                    bool through_statistics, const BatchNormGradients& gradients) {
  if (context.on_device())
    return device::batch_norm_leaky_relu_backward(context, x, coefficients, doutput, groups, leak,
                                                  through_statistics, gradients);
  const KernelParams kernel(x, through_statistics ? groups : RowGroups::single(x.extent(0)), leak);
  const int group_count = kernel.params.group_count;
  const Coefficients c = coefficient_arrays(coefficients);
  const bool affine = gradients.dgamma != nullptr || gradients.dbeta != nullptr;
  Tensor sums = context.empty({2, group_count * x.extent(1)}, DType::fp64);
  double* sum_du = sums.as<double>();
  double* sum_du_xhat = sum_du + sums.extent(1);
  dispatch_float(x.dtype(), "batch_norm backward", [&]<typename T>() {
    if (affine || through_statistics) {
      Tensor scratch = scratch_for(context, kernel.params);
      kernels::batch_norm::backward_sums(context.exec(), kernel.params, c, x.as<T>(), doutput.as<T>(), sum_du,
                                         sum_du_xhat, scratch.data());
    }
    if (gradients.dgamma != nullptr)
      reduce_groups<T>(sum_du_xhat, group_count, *gradients.dgamma, gradients.dgamma_mode);
    if (gradients.dbeta != nullptr)
      reduce_groups<T>(sum_du, group_count, *gradients.dbeta, gradients.dbeta_mode);
    if (gradients.dx != nullptr)
      kernels::batch_norm::backward_apply(
          context.exec(), kernel.params, c, through_statistics ? sum_du : nullptr,
          through_statistics ? sum_du_xhat : nullptr, x.as<T>(), doutput.as<T>(), gradients.dx->as<T>(),
          gradients.dx_mode == WriteMode::accumulate);
  });
}

void fold_statistics(Context& context, std::span<const FoldedLayer> layers, int slots, double momentum) {
  if (context.on_device()) return device::fold_statistics(context, layers, slots, momentum);
  for (const FoldedLayer& layer : layers) {
    const std::int64_t channels = layer.running_mean->elements();
    const auto fold = [&](const Tensor& from, Tensor& running) {
      dispatch_float(running.dtype(), "fold_statistics", [&]<typename T>() {
        for (std::int64_t c = 0; c < channels; ++c) {
          auto value = static_cast<double>(running.as<T>()[c]);
          for (int s = 0; s < slots; ++s)
            value = (1 - momentum) * value + momentum * from.as<double>()[s * channels + c];
          running.as<T>()[c] = static_cast<T>(value);
        }
      });
      running.bump_version();
    };
    fold(*layer.mean, *layer.running_mean);
    fold(*layer.unbiased_variance, *layer.running_variance);
  }
}

Tensor leaky_relu(Context& context, const Tensor& x, double leak) {
  if (context.on_device()) return device::leaky_relu(context, x, leak);
  Tensor z = context.empty(x.shape(), x.dtype(), x.layout());
  dispatch_float(x.dtype(), "leaky_relu", [&]<typename T>() {
    kernels::leaky_relu::forward(context.exec(), x.stored_elements(), leak, x.as<T>(), z.as<T>());
  });
  return z;
}

void leaky_relu_backward(Context& context, const Tensor& x, const Tensor& doutput, double leak, Tensor& dx,
                         WriteMode mode) {
  require(dx.layout() == x.layout() && doutput.layout() == x.layout(),
          "leaky_relu: gradients of {} in another layout", x.shape());
  if (context.on_device()) return device::leaky_relu_backward(context, x, doutput, leak, dx, mode);
  dispatch_float(x.dtype(), "leaky_relu backward", [&]<typename T>() {
    kernels::leaky_relu::backward(context.exec(), x.stored_elements(), leak, x.as<T>(), doutput.as<T>(),
                                  dx.as<T>(), mode == WriteMode::accumulate);
  });
}

}  // namespace mebm::engine::ops
