#pragma once
// Parameter updates over many tensors at once (kernels/sgd_step).

#include <span>

#include "engine/core/scalar.h"
#include "engine/device/context.h"

namespace mebm::engine::ops {

struct SgdTensors {
  Tensor* weight;
  Tensor* velocity;
  const Tensor* gradient;  // null: zero
};

// v <- momentum v + (g + weight_decay w), w <- w - learning_rate v for every entry, in place.
void sgd_step(Context& context, const Scalar<double>& learning_rate, double momentum, double weight_decay,
              std::span<const SgdTensors> tensors);

}  // namespace mebm::engine::ops
