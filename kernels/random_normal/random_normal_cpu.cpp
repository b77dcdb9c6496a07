#include <algorithm>

#include "kernels/random_normal/normal_groups.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::kernels::random_normal {

template <typename T>
void fill(const CpuExec& exec, const Params& params, T* out) {
  constexpr std::int64_t kElements = 4 * kGroupsAtOnce;
  const std::int64_t pieces = (params.elements + kElements - 1) / kElements;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < params.rows * pieces; ++task) {
    const std::int64_t row = task / pieces, begin = task % pieces * kElements;
    const std::int64_t count = std::min(kElements, params.elements - begin);
    T normals[kElements];
    normal_groups(
        {params.key, params.purpose, params.iteration, params.first_slot + static_cast<std::uint32_t>(row),
         params.step, static_cast<std::uint32_t>(begin / 4), static_cast<int>((count + 3) / 4)},
        normals);
    std::copy_n(normals, count, out + row * params.elements + begin);
  }
}

template void fill<float>(const CpuExec&, const Params&, float*);
template void fill<double>(const CpuExec&, const Params&, double*);

}  // namespace mebm::kernels::random_normal
