#include "engine/ops/normalization.h"

#include <vector>

#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/leaky_relu/leaky_relu.h"

namespace mebm::engine::ops::device {
namespace {

namespace batch_norm = kernels::batch_norm::device;

batch_norm::Params make_params(const Tensor& x, const RowGroups& groups, double eps, double leak) {
  require(groups.count <= batch_norm::kMaxGroups, "batch_norm: a device normalises at most {} groups, got {}",
          batch_norm::kMaxGroups, groups.count);
  batch_norm::Params params;
  params.map = channels_last(x, "batch_norm");
  params.group_count = groups.count;
  params.eps = eps;
  params.leak = leak;
  std::int64_t begin = 0;
  for (int g = 0; g < groups.count; ++g) {
    const std::int64_t rows = groups.counts[static_cast<std::size_t>(g)];
    params.groups[g] = {begin, rows};
    begin += rows;
  }
  require(begin == x.extent(0), "batch_norm: groups hold {} rows, the input {}", begin, x.shape());
  return params;
}

template <typename T>
batch_norm::Coefficients<T> coefficient_arrays(const Tensor& tensor) {
  auto* base = const_cast<kernels::Arithmetic<T>*>(tensor.as<kernels::Arithmetic<T>>());
  const std::int64_t n = tensor.extent(1);
  return {base, base + n, base + 2 * n, base + 3 * n};
}

BatchNormForward make_result(Context& context, const Tensor& x, std::int64_t groups) {
  BatchNormForward result;
  result.coefficients = context.empty({4, groups * x.extent(1)}, arithmetic_type(x.dtype()));
  result.output = context.empty(x.shape(), x.dtype(), x.layout());
  return result;
}

}  // namespace

BatchNormForward batch_norm_leaky_relu(Context& context, const Tensor& x, const Tensor& gamma,
                                       const Tensor& beta, const RowGroups& groups, double eps, double leak,
                                       const StatisticsSlots& slots) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  const batch_norm::Params params = make_params(x, groups, eps, leak);
  BatchNormForward result = make_result(context, x, groups.count);
  Tensor partial = scratch(context, batch_norm::scratch_bytes(exec, params));
  batch_norm::Slots targets;
  for (int g = 0; g < groups.count; ++g) {
    const int slot = slots.slot[static_cast<std::size_t>(g)];
    if (slot == StatisticsSlots::kNotRecorded) continue;
    targets.mean[g] = slots.mean->as<double>() + slot * x.extent(1);
    targets.unbiased_variance[g] = slots.unbiased_variance->as<double>() + slot * x.extent(1);
  }
  dispatch(x.dtype(), "batch_norm", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    const batch_norm::Coefficients<T> c = coefficient_arrays<T>(result.coefficients);
    check(batch_norm::statistics<T>(exec, params, x.as<T>(), gamma.as<Real>(), beta.as<Real>(), c, targets,
                                    partial.data()));
    check(batch_norm::apply<T>(exec, params, c, x.as<T>(), result.output.as<T>()));
  });
  return result;
}

BatchNormForward batch_norm_leaky_relu_given(Context& context, const Tensor& x, const Tensor& gamma,
                                             const Tensor& beta, const Tensor& mean, const Tensor& variance,
                                             double eps, double leak) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  const batch_norm::Params params = make_params(x, RowGroups::single(x.extent(0)), eps, leak);
  BatchNormForward result = make_result(context, x, 1);
  dispatch(x.dtype(), "batch_norm", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    const batch_norm::Coefficients<T> c = coefficient_arrays<T>(result.coefficients);
    check(batch_norm::coefficients<T>(exec, params, mean.as<Real>(), variance.as<Real>(), gamma.as<Real>(),
                                      beta.as<Real>(), c));
    check(batch_norm::apply<T>(exec, params, c, x.as<T>(), result.output.as<T>()));
  });
  return result;
}

void batch_norm_leaky_relu_backward(Context& context, const Tensor& x, const Tensor& coefficients,
                                    const Tensor& doutput, const RowGroups& groups, double leak,
                                    bool through_statistics, const BatchNormGradients& gradients) {
  const kernels::DeviceExec& exec = context.accelerator().exec();
  const RowGroups used = through_statistics ? groups : RowGroups::single(x.extent(0));
  const batch_norm::Params params = make_params(x, used, 0, leak);
  const bool affine = gradients.dgamma != nullptr || gradients.dbeta != nullptr;
  const std::int64_t entries = used.count * x.extent(1);
  Tensor sums = context.empty({2, entries}, arithmetic_type(x.dtype()));
  Tensor partial = scratch(context, batch_norm::scratch_bytes(exec, params));
  dispatch(x.dtype(), "batch_norm backward", [&]<typename T>() {
    using Real = kernels::Arithmetic<T>;
    const batch_norm::Coefficients<T> c = coefficient_arrays<T>(coefficients);
    const batch_norm::Sums<T> s{.du = sums.as<Real>(),
                                .du_xhat = sums.as<Real>() + entries,
                                .dgamma = data_or_null<Real>(gradients.dgamma),
                                .dbeta = data_or_null<Real>(gradients.dbeta),
                                .accumulate_dgamma = adds(gradients.dgamma_mode),
                                .accumulate_dbeta = adds(gradients.dbeta_mode)};
    if (affine || through_statistics)
      check(batch_norm::backward_sums<T>(exec, params, c, x.as<T>(), doutput.as<T>(), s, partial.data()));
    if (gradients.dx != nullptr)
      check(batch_norm::backward_apply<T>(exec, params, c, through_statistics ? &s : nullptr, x.as<T>(),
                                          doutput.as<T>(), gradients.dx->as<T>(), adds(gradients.dx_mode)));
  });
}

void fold_statistics(Context& context, std::span<const FoldedLayer> layers, int slots, double momentum) {
  if (layers.empty() || slots == 0) return;
  Accelerator& device = context.accelerator();
  dispatch_real(layers.front().running_mean->dtype(), "fold_statistics", [&]<typename Real>() {
    using Layer = batch_norm::FoldLayer<Real>;
    std::vector<Layer> table;
    std::int64_t max_channels = 0;
    kernels::runtime::Accesses arrays;
    for (const FoldedLayer& layer : layers) {
      const std::int64_t channels = layer.running_mean->elements();
      table.push_back({layer.mean->as<double>(), layer.unbiased_variance->as<double>(),
                       layer.running_mean->as<Real>(), layer.running_variance->as<Real>(), channels});
      max_channels = std::max(max_channels, channels);
      const Layer& added = table.back();
      arrays.read(added.mean, slots * channels).read(added.unbiased_variance, slots * channels);
      arrays.read(added.running_mean, channels).read(added.running_variance, channels);
      arrays.write(added.running_mean, channels).write(added.running_variance, channels);
    }
    const void* on_device = device.table(table.data(), table.size() * sizeof(Layer));
    check(batch_norm::fold_statistics<Real>(device.exec(), static_cast<const Layer*>(on_device),
                                            static_cast<int>(table.size()), max_channels, slots, momentum,
                                            arrays));
  });
}

Tensor leaky_relu(Context& context, const Tensor& x, double leak) {
  Tensor z = context.empty(x.shape(), x.dtype(), x.layout());
  dispatch(x.dtype(), "leaky_relu", [&]<typename T>() {
    check(kernels::leaky_relu::device::forward<T>(context.accelerator().exec(), x.elements(), leak, x.as<T>(),
                                                  z.as<T>()));
  });
  return z;
}

void leaky_relu_backward(Context& context, const Tensor& x, const Tensor& doutput, double leak, Tensor& dx,
                         WriteMode mode) {
  dispatch(x.dtype(), "leaky_relu backward", [&]<typename T>() {
    check(kernels::leaky_relu::device::backward<T>(context.accelerator().exec(), x.elements(), leak,
                                                   x.as<T>(), doutput.as<T>(), dx.as<T>(), adds(mode)));
  });
}

}  // namespace mebm::engine::ops::device
