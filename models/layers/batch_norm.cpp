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
  autograd::Parameter parameter{std::move(name), context.empty({channels}, dtype)};
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
      context_(&context),
      prefix_(std::move(prefix)),
      options_(options) {
  engine::ops::fill(context, 0, running_mean);
  engine::ops::fill(context, 1, running_variance);
}

Variable BatchNorm::forward(Tape& tape, const Variable& x, const Pass& pass) {
  const Variable g = tape.parameter(gamma), b = tape.parameter(beta);
  autograd::NormStatistics statistics{pass.batch_statistics, running_mean, running_variance, {}};
  if (pass.batch_statistics) mark_recorded(pass);
  statistics.slots.slot = pass.slots;
  statistics.slots.mean = &slot_mean_;
  statistics.slots.unbiased_variance = &slot_variance_;
  return autograd::batch_norm_leaky_relu(tape, x, g, b, statistics, pass.groups, options_.eps, options_.leak);
}

void BatchNorm::mark_recorded(const Pass& pass) {
  for (int g = 0; g < pass.groups.count; ++g) {
    const int slot = pass.slots[static_cast<std::size_t>(g)];
    if (slot == Pass::kNotRecorded) continue;
    engine::require(slot >= 0 && slot < static_cast<int>(recorded_.size()),
                    "{}: statistics slot {} of {} reserved", prefix_, slot, recorded_.size());
    recorded_[static_cast<std::size_t>(slot)] = true;
  }
}

engine::ops::FoldedLayer BatchNorm::folded(int slots) {
  for (int s = 0; s < slots; ++s)
    engine::require(s < static_cast<int>(recorded_.size()) && recorded_[static_cast<std::size_t>(s)],
                    "{}: no statistics in slot {}", prefix_, s);
  recorded_.assign(recorded_.size(), false);
  batches_tracked += slots;
  return {&slot_mean_, &slot_variance_, &running_mean, &running_variance};
}

void BatchNorm::reserve_statistics(int slots) {
  recorded_.resize(static_cast<std::size_t>(slots));
  if (slot_mean_.defined() && slot_mean_.extent(0) >= slots) return;
  const engine::Shape shape{slots, gamma.value.elements()};
  slot_mean_ = Tensor(context_->lasting_arena(), shape, engine::DType::fp64);
  slot_variance_ = Tensor(context_->lasting_arena(), shape, engine::DType::fp64);
}

}  // namespace mebm::models
