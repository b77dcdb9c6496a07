#include "kernels/pool/pool.h"

namespace mebm::kernels::pool {

template <typename T>
void global_average(const CpuExec& exec, const FeatureMap& map, const T* x, T* features) {
  const std::int64_t blocks = map.channel_blocks();
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < map.images * blocks; ++task) {
    const std::int64_t n = task / blocks, block = task % blocks;
    const T* slab = x + task * map.pixels * map.block;
    double sums[16] = {};
    for (std::int64_t p = 0; p < map.pixels; ++p)
      for (int i = 0; i < map.block; ++i) sums[i] += static_cast<double>(slab[p * map.block + i]);
    for (int i = 0; i < map.block && block * map.block + i < map.channels; ++i)
      features[n * map.channels + block * map.block + i] =
          static_cast<T>(sums[i] / static_cast<double>(map.pixels));
  }
}

template <typename T>
void global_average_backward(const CpuExec& exec, const FeatureMap& map, const T* dfeatures, T* dx,
                             bool accumulate) {
  const std::int64_t blocks = map.channel_blocks();
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < map.images * blocks; ++task) {
    const std::int64_t n = task / blocks, block = task % blocks;
    T* slab = dx + task * map.pixels * map.block;
    T share[16] = {};
    for (int i = 0; i < map.block && block * map.block + i < map.channels; ++i)
      share[i] = dfeatures[n * map.channels + block * map.block + i] / static_cast<T>(map.pixels);
    for (std::int64_t p = 0; p < map.pixels; ++p)
      for (int i = 0; i < map.block; ++i) {
        T& value = slab[p * map.block + i];
        value = accumulate ? value + share[i] : share[i];
      }
  }
}

#define MEBM_INSTANTIATE(T)                                                         \
  template void global_average<T>(const CpuExec&, const FeatureMap&, const T*, T*); \
  template void global_average_backward<T>(const CpuExec&, const FeatureMap&, const T*, T*, bool);
MEBM_INSTANTIATE(float)
MEBM_INSTANTIATE(double)
#undef MEBM_INSTANTIATE

}  // namespace mebm::kernels::pool
