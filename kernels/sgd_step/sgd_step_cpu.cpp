#include "kernels/sgd_step/sgd_step.h"

#include <algorithm>

namespace mebm::kernels::sgd_step {
namespace {

constexpr std::int64_t kChunk = 16384;

template <typename T>
void update_range(const Group<T>& group, std::int64_t begin, std::int64_t end, T rate, T momentum, T decay) {
  if (group.gradient == nullptr) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T velocity = momentum * group.velocity[i] + decay * group.weight[i];
      group.velocity[i] = velocity;
      group.weight[i] -= rate * velocity;
    }
    return;
  }
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const T velocity = momentum * group.velocity[i] + (group.gradient[i] + decay * group.weight[i]);
    group.velocity[i] = velocity;
    group.weight[i] -= rate * velocity;
  }
}

}  // namespace

template <typename T>
void step(const CpuExec& exec, const Params& params, const Group<T>* groups, std::int64_t group_count) {
  const T rate = static_cast<T>(params.learning_rate), momentum = static_cast<T>(params.momentum),
          decay = static_cast<T>(params.weight_decay);
#pragma omp parallel num_threads(exec.threads)
  for (std::int64_t g = 0; g < group_count; ++g) {
    const std::int64_t chunks = (groups[g].count + kChunk - 1) / kChunk;
#pragma omp for schedule(static) nowait
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
      update_range(groups[g], chunk * kChunk, std::min(groups[g].count, (chunk + 1) * kChunk), rate, momentum,
                   decay);
  }
}

template void step<float>(const CpuExec&, const Params&, const Group<float>*, std::int64_t);
template void step<double>(const CpuExec&, const Params&, const Group<double>*, std::int64_t);

}  // namespace mebm::kernels::sgd_step
