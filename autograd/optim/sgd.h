#pragma once
// SGD with momentum, weight decay, warm-up and milestones (SPEC section 6).

#include <span>
#include <vector>

#include "autograd/variable.h"
#include "engine/core/scalar.h"
#include "engine/device/context.h"
#include "engine/ops/optimizer.h"

namespace mebm::autograd {

struct SgdOptions {
  double learning_rate = 0.1, momentum = 0.9, weight_decay = 5e-4;
  std::int64_t warmup_iterations = 1000;
  std::vector<int> milestones;  // epochs, counted from 0
  double decay = 0.2;
};

class Sgd {
 public:
  // Velocities start at 0, one per parameter, in the parameters' order. Allocates the parameters' gradients.
  Sgd(engine::Context& context, SgdOptions options, std::span<Parameter* const> parameters);

  // lr i / warmup for i <= warmup (counting iterations from 0), times decay for every milestone epoch
  // reached.
  double learning_rate(std::int64_t iteration, std::int64_t epoch) const;
  // Before a backward pass: no parameter is reached.
  void zero_gradients();
  // One update of every parameter the loss reached; the others are left alone, momentum included.
  void step(const engine::Scalar<double>& learning_rate);

  std::span<Parameter* const> parameters() const { return parameters_; }
  std::span<engine::Tensor> velocities() { return velocities_; }

 private:
  engine::Context& context_;
  SgdOptions options_;
  std::vector<Parameter*> parameters_;
  std::vector<engine::Tensor> velocities_;
  std::vector<engine::ops::SgdTensors> updated_;  // of the last step; its memory is kept
};

}  // namespace mebm::autograd
