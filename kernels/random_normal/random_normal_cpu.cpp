#include "kernels/random_normal/random_normal.h"

#include <algorithm>

#include "kernels/random_normal/normal_math.h"

namespace mebm::kernels::random_normal {

template <typename T>
void fill(const CpuExec& exec, const Params& params, T* out) {
  const std::int64_t groups = (params.elements + 3) / 4;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < params.rows * groups; ++task) {
    const std::int64_t row = task / groups, group = task % groups;
    T normals[4];
    normals_from_words(random_words(params.key, params.purpose, params.iteration,
                                    params.first_slot + static_cast<std::uint32_t>(row), params.step,
                                    static_cast<std::uint32_t>(group)),
                       normals);
    const std::int64_t count = std::min<std::int64_t>(4, params.elements - 4 * group);
    std::copy_n(normals, count, out + row * params.elements + 4 * group);
  }
}

template void fill<float>(const CpuExec&, const Params&, float*);
template void fill<double>(const CpuExec&, const Params&, double*);

}  // namespace mebm::kernels::random_normal
