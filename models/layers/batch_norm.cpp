#include "models/layers/batch_norm.h"

#include <utility>

#include "engine/ops/elementwise.h"

namespace mebm::models {

using autograd::Tape;
using autograd::Variable;
using engine::Tensor;

namespace {

autograd::Parameter make_parameter(engine::Context& context, std::string name, std::int64_t channels,
                                   engine::DType dtype, double value) {
  autograd::Parameter parameter{std::move(name), context.empty({channels}, dtype), {}, false};
  engine::ops::fill(context, value, parameter.value);
  return parameter;
}

}  // namespace

BatchNorm::BatchNorm(engine::Context& context, std::string prefix, std::int64_t channels, engine::DType dtype,
                     const Options& options)
    : gamma(make_parameter(context, prefix + ".weight", channels, dtype, 1)),
      beta(make_parameter(context, prefix + ".bias", channels, dtype, 0)),
      running_mean(context.empty({channels}, dtype)),
      running_variance(context.empty({channels}, dtype)),
      prefix_(std::move(prefix)),
      options_(options) {
  engine::ops::fill(context, 0, running_mean);
  engine::ops::fill(context, 1, running_variance);
}

Variable BatchNorm::forward(Tape& tape, const Variable& x, const Pass& pass) {
  const Variable g = tape.parameter(gamma), b = tape.parameter(beta);
  const autograd::NormStatistics statistics{pass.batch_statistics, running_mean, running_variance};
  Tensor mean, variance;
  Variable z = autograd::batch_norm_leaky_relu(tape, x, g, b, statistics, pass.groups, options_.eps,
                                               options_.leak, &mean, &variance);
  if (pass.batch_statistics) record(mean, variance, x.value.extent(2) * x.value.extent(3), pass);
  return z;
}

void BatchNorm::record(const Tensor& mean, const Tensor& variance, std::int64_t pixels, const Pass& pass) {
  const std::int64_t channels = gamma.value.elements();
  for (int g = 0; g < pass.groups.count; ++g) {
    const int slot = pass.slots[static_cast<std::size_t>(g)];
    if (slot == Pass::kNotRecorded) continue;
    engine::require(slot >= 0 && slot < static_cast<int>(slots_.size()),
                    "{}: statistics slot {} of {} reserved", prefix_, slot, slots_.size());
    const double m = static_cast<double>(pass.groups.counts[static_cast<std::size_t>(g)] * pixels);
    engine::require(m > 1, "{}: batch statistics of a single value have no variance", prefix_);
    SlotStatistics& target = slots_[static_cast<std::size_t>(slot)];
    const double* mean_row = mean.as<double>() + g * channels;
    const double* variance_row = variance.as<double>() + g * channels;
    target.mean.assign(mean_row, mean_row + channels);
    target.unbiased_variance.assign(variance_row, variance_row + channels);
    for (double& value : target.unbiased_variance) value *= m / (m - 1);
  }
}

void BatchNorm::fold_statistics(int slots) {
  const auto channels = static_cast<std::size_t>(gamma.value.elements());
  std::vector<double> mean(channels), variance(channels);
  engine::ops::read(running_mean, mean);
  engine::ops::read(running_variance, variance);
  for (int s = 0; s < slots; ++s) {
    const SlotStatistics& slot = slots_[static_cast<std::size_t>(s)];
    engine::require(slot.mean.size() == channels, "{}: no statistics in slot {}", prefix_, s);
    for (std::size_t c = 0; c < channels; ++c) {
      mean[c] = (1 - options_.momentum) * mean[c] + options_.momentum * slot.mean[c];
      variance[c] = (1 - options_.momentum) * variance[c] + options_.momentum * slot.unbiased_variance[c];
    }
  }
  engine::ops::write(mean, running_mean);
  engine::ops::write(variance, running_variance);
  batches_tracked += slots;
}

}  // namespace mebm::models
