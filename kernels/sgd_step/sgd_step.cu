#include "kernels/sgd_step/sgd_step.h"

#include <algorithm>

#include "kernels/core/wide_access.h"

namespace mebm::kernels::sgd_step::device {
namespace {

constexpr std::uint32_t kBlock = 256;
// Blocks for each group: enough to fill the device with one large group, few enough that blocks without work
// in small groups cost nothing.
constexpr std::int64_t kBlocksPerMultiprocessor = 4;

template <typename T>
struct Rates {
  Arithmetic<T> learning_rate, momentum, weight_decay;
};

// The widest access that serves gradients (T) and weights at once.
template <typename T>
constexpr int kGroupWidth = kWidth<T, Arithmetic<T>>;

template <int Count, typename T>
__device__ __forceinline__ void update(const Group<T>& group, const Rates<T>& rates, std::int64_t i) {
  Arithmetic<T> weight[Count], velocity[Count], gradient[Count] = {};
  load_wide(group.weight + i, weight);
  load_wide(group.velocity + i, velocity);
  if (group.gradient != nullptr)
    load_wide(group.gradient + i, gradient);
  else if (group.gradient_master != nullptr)
    load_wide(group.gradient_master + i, gradient);
  for (int k = 0; k < Count; ++k) {
    velocity[k] = rates.momentum * velocity[k] + (gradient[k] + rates.weight_decay * weight[k]);
    weight[k] -= rates.learning_rate * velocity[k];
  }
  store_wide(group.velocity + i, velocity);
  store_wide(group.weight + i, weight);
  if (group.copy != nullptr) store_wide(group.copy + i, weight);
}

// blockIdx.y is the group; null pointers count as aligned.
template <typename T>
__global__ void step_kernel(const Group<T>* groups, const double* learning_rate, Rates<T> rates) {
  const Group<T> group = groups[blockIdx.y];
  rates.learning_rate = static_cast<Arithmetic<T>>(*learning_rate);
  const bool aligned = is_aligned(group.weight) && is_aligned(group.velocity) && is_aligned(group.gradient) &&
                       is_aligned(group.gradient_master) && is_aligned(group.copy);
  const Split split(group.count, kGroupWidth<T>, aligned);
  const std::int64_t first = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x,
                     threads = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = first; i < split.wide; i += threads)
    update<kGroupWidth<T>>(group, rates, i * kGroupWidth<T>);
  for (std::int64_t i = split.wide * kGroupWidth<T> + first; i < group.count; i += threads)
    update<1>(group, rates, i);
}

}  // namespace

template <typename T>
Status step(const DeviceExec& exec, const Params& params, const double* learning_rate, const Group<T>* groups,
            int group_count, std::int64_t max_count, const runtime::Accesses& memory) {
  if (group_count == 0 || max_count == 0) return {};
  const std::int64_t blocks = (max_count + kBlock * kGroupWidth<T> - 1) / (kBlock * kGroupWidth<T>),
                     most = kBlocksPerMultiprocessor * exec.multiprocessors;
  const LaunchShape shape{
      .name = "sgd_step",
      .sizes = std::to_string(group_count) + " groups of at most " + std::to_string(max_count),
      .grid_x = static_cast<std::uint32_t>(std::min(blocks, most)),
      .grid_y = static_cast<std::uint32_t>(group_count),
      .block = kBlock};
  runtime::Accesses accesses = memory;
  accesses.read(groups, group_count).read(learning_rate, 1);
  return launch(exec, shape, accesses, step_kernel<T>, groups, learning_rate,
                Rates<T>{0, static_cast<Arithmetic<T>>(params.momentum),
                         static_cast<Arithmetic<T>>(params.weight_decay)});
}

#define MEBM_INSTANTIATE(T)                                                                      \
  template Status step<T>(const DeviceExec&, const Params&, const double*, const Group<T>*, int, \
                          std::int64_t, const runtime::Accesses&);
MEBM_FOR_DEVICE_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::sgd_step::device
