#include "autograd/optim/sgd.h"

#include <utility>

#include "engine/ops/elementwise.h"

namespace mebm::autograd {

Sgd::Sgd(engine::Context& context, SgdOptions options, std::span<Parameter* const> parameters)
    : context_(context), options_(std::move(options)), parameters_(parameters.begin(), parameters.end()) {
  for (Parameter* parameter : parameters_) {
    const engine::Tensor& value = parameter->value;
    if (!parameter->gradient.defined())
      parameter->gradient = context.empty(value.shape(), parameter->type_of_gradient(), value.layout());
    velocities_.push_back(context.empty(value.shape(), value.dtype(), value.layout()));
    engine::ops::fill(context, 0, velocities_.back());
  }
}

double Sgd::learning_rate(std::int64_t iteration, std::int64_t epoch) const {
  double rate = options_.learning_rate;
  if (iteration < options_.warmup_iterations)
    rate *= static_cast<double>(iteration) / static_cast<double>(options_.warmup_iterations);
  for (int milestone : options_.milestones)
    if (epoch >= milestone) rate *= options_.decay;
  return rate;
}

void Sgd::zero_gradients() {
  for (Parameter* parameter : parameters_) parameter->reached = parameter->zero_gradient = false;
}

void Sgd::step(const engine::Scalar<double>& learning_rate) {
  updated_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i]->reached)
      updated_.push_back({&parameters_[i]->value, &velocities_[i],
                          parameters_[i]->zero_gradient ? nullptr : &parameters_[i]->gradient});
  engine::ops::sgd_step(context_, learning_rate, options_.momentum, options_.weight_decay, updated_);
}

}  // namespace mebm::autograd
