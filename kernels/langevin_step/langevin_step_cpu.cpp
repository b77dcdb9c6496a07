#include "kernels/langevin_step/langevin_step.h"

#include <algorithm>

#include "kernels/langevin_step/langevin_step_math.h"
#include "kernels/random_normal/normal_math.h"

namespace mebm::kernels::langevin_step {

template <typename T>
void step(const CpuExec& exec, const Params& params, T* x, const T* gradient) {
  const T size = static_cast<T>(params.step_size), noise = static_cast<T>(params.noise);
  const T gradient_bound = static_cast<T>(params.gradient_clamp),
          pixel_bound = static_cast<T>(params.pixel_clamp);
  const std::int64_t groups = (params.elements + 3) / 4;
#pragma omp parallel for schedule(static) num_threads(exec.threads)
  for (std::int64_t task = 0; task < params.images * groups; ++task) {
    const std::int64_t image = task / groups, group = task % groups;
    T normals[4] = {};
    if (params.noise != 0)
      normals_from_words(random_words(params.key, params.purpose, params.iteration,
                                      params.first_slot + static_cast<std::uint32_t>(image), params.step,
                                      static_cast<std::uint32_t>(group)),
                         normals);
    const std::int64_t begin = image * params.elements + 4 * group;
    const std::int64_t count = std::min<std::int64_t>(4, params.elements - 4 * group);
    for (std::int64_t i = 0; i < count; ++i)
      x[begin + i] = update(x[begin + i], gradient[begin + i], rounded_product(noise, normals[i]), size,
                            gradient_bound, pixel_bound);
  }
}

template void step<float>(const CpuExec&, const Params&, float*, const float*);
template void step<double>(const CpuExec&, const Params&, double*, const double*);

}  // namespace mebm::kernels::langevin_step
