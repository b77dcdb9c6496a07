#pragma once
// Stochastic gradient descent with momentum and weight decay over many tensors at once (SPEC section 6):
//   v <- momentum v + (g + weight_decay w),  w <- w - learning_rate v

#include <cstdint>

#include "kernels/core/exec.h"

namespace mebm::kernels::sgd_step {

struct Params {
  double learning_rate = 0, momentum = 0, weight_decay = 0;
};

// One parameter tensor; all arrays of `count` values, all updated in place but the gradient.
template <typename T>
struct Group {
  T* weight;
  T* velocity;
  const T* gradient;
  std::int64_t count;
};

template <typename T>
void step(const CpuExec& exec, const Params& params, const Group<T>* groups, std::int64_t group_count);

}  // namespace mebm::kernels::sgd_step
