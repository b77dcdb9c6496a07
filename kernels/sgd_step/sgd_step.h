#pragma once
// Stochastic gradient descent with momentum and weight decay over many tensors at once (SPEC section 6):
//   v <- momentum v + (g + weight_decay w),  w <- w - learning_rate v

#include <cstdint>

#include "kernels/core/bfloat16.h"
#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::sgd_step {

struct Params {
  double learning_rate = 0, momentum = 0, weight_decay = 0;
};

// One parameter tensor; all arrays of `count` values, all updated in place but the gradient. A null gradient
// is zero.
template <typename T>
struct Group {
  T* weight;
  T* velocity;
  const T* gradient;
  std::int64_t count;
};

template <typename T>
void step(const CpuExec& exec, const Params& params, const Group<T>* groups, std::int64_t group_count);

namespace device {
// One launch for all tensors; `groups` is an array in device memory, *learning_rate too. Gradients are stored
// as T; weights and velocities in the type arithmetic on T is done in. Where `copy` is set, the new weight is
// also written there as T (the copy convolutions read); same layout as the weight. max_count: the largest
// count. params.learning_rate is not read. The host cannot see which memory the groups take: `memory`
// declares what is read and written.
template <typename T>
struct Group {
  Arithmetic<T>*weight, *velocity;
  const T* gradient;                     // null: gradient_master
  const Arithmetic<T>* gradient_master;  // null too: zero
  T* copy;
  std::int64_t count;
};
template <typename T>
Status step(const DeviceExec& exec, const Params& params, const double* learning_rate, const Group<T>* groups,
            int group_count, std::int64_t max_count, const runtime::Accesses& memory);
}  // namespace device

}  // namespace mebm::kernels::sgd_step
