#include <algorithm>

#include "kernels/langevin_step/langevin_step.h"
#include "kernels/langevin_step/langevin_step_math.h"
#include "kernels/random_normal/normal_groups.h"

namespace mebm::kernels::langevin_step {

template <typename T>
void step(const CpuExec& exec, const Params& params, T* x, const T* gradient) {
  constexpr std::int64_t kElements = 4 * random_normal::kGroupsAtOnce;
  const T size = static_cast<T>(params.step_size), noise = static_cast<T>(params.noise);
  const T gradient_bound = static_cast<T>(params.gradient_clamp),
          pixel_bound = static_cast<T>(params.pixel_clamp);
  const std::int64_t pieces = (params.elements + kElements - 1) / kElements;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < params.images * pieces; ++task) {
    const std::int64_t image = task / pieces, begin = task % pieces * kElements;
    const std::int64_t count = std::min(kElements, params.elements - begin);
    T normals[kElements] = {};
    if (params.noise != 0)
      random_normal::normal_groups({params.key, params.purpose, params.iteration,
                                    params.first_slot + static_cast<std::uint32_t>(image), params.step,
                                    static_cast<std::uint32_t>(begin / 4), static_cast<int>((count + 3) / 4)},
                                   normals);
    T* chain = x + image * params.elements + begin;
    const T* slope = gradient + image * params.elements + begin;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
      chain[i] =
          update(chain[i], slope[i], rounded_product(noise, normals[i]), size, gradient_bound, pixel_bound);
  }
}

template void step<float>(const CpuExec&, const Params&, float*, const float*);
template void step<double>(const CpuExec&, const Params&, double*, const double*);

}  // namespace mebm::kernels::langevin_step
