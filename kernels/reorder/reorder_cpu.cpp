#include "kernels/reorder/reorder.h"

namespace mebm::kernels::reorder {

template <typename From, typename To>
void copy(const CpuExec& exec, const FeatureMap& from_map, const From* from, const FeatureMap& to_map, To* to,
          bool accumulate) {
  const std::int64_t padded = to_map.channel_blocks() * to_map.block;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < to_map.images * padded; ++task) {
    const std::int64_t n = task / padded, c = task % padded;
    To* out =
        to + n * to_map.image_elements() + c / to_map.block * to_map.pixels * to_map.block + c % to_map.block;
    if (c >= to_map.channels) {
      for (std::int64_t p = 0; !accumulate && p < to_map.pixels; ++p) out[p * to_map.block] = To(0);
      continue;
    }
    const From* in = from + n * from_map.image_elements() +
                     c / from_map.block * from_map.pixels * from_map.block + c % from_map.block;
    for (std::int64_t p = 0; p < to_map.pixels; ++p) {
      const To value = static_cast<To>(in[p * from_map.block]);
      To& target = out[p * to_map.block];
      target = accumulate ? target + value : value;
    }
  }
}

template void copy<float, float>(const CpuExec&, const FeatureMap&, const float*, const FeatureMap&, float*,
                                 bool);
template void copy<float, double>(const CpuExec&, const FeatureMap&, const float*, const FeatureMap&, double*,
                                  bool);
template void copy<double, float>(const CpuExec&, const FeatureMap&, const double*, const FeatureMap&, float*,
                                  bool);
template void copy<double, double>(const CpuExec&, const FeatureMap&, const double*, const FeatureMap&,
                                   double*, bool);

}  // namespace mebm::kernels::reorder
