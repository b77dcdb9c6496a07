#include "kernels/compat/cuda.h"
#include "kernels/langevin_step/langevin_step.h"
#include "kernels/langevin_step/langevin_step_math.h"
#include "kernels/random_normal/normal_math.h"

namespace mebm::kernels::langevin_step::device {
namespace {

// One thread for four elements: one Philox call serves them.
template <typename T>
__global__ void step_kernel(Params params, T* __restrict__ x, const T* __restrict__ gradient) {
  const std::int64_t groups = (params.elements + 3) / 4;
  const std::int64_t task = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (task >= params.images * groups) return;
  const std::int64_t image = task / groups, group = task % groups;
  const std::uint32_t iteration =
      params.iteration_cell != nullptr ? *params.iteration_cell : params.iteration;
  T normals[4] = {};
  if (params.noise != 0)
    normals_from_words(random_words(params.key, params.purpose, iteration,
                                    params.first_slot + static_cast<std::uint32_t>(image), params.step,
                                    static_cast<std::uint32_t>(group)),
                       normals);
  const T size = static_cast<T>(params.step_size), noise = static_cast<T>(params.noise);
  const T gradient_bound = static_cast<T>(params.gradient_clamp),
          pixel_bound = static_cast<T>(params.pixel_clamp);
  const std::int64_t begin = image * params.elements + 4 * group;
  for (int i = 0; i < 4; ++i)
    if (4 * group + i < params.elements)
      x[begin + i] = update(x[begin + i], gradient[begin + i], rounded_product(noise, normals[i]), size,
                            gradient_bound, pixel_bound);
}

}  // namespace

template <typename T>
Status step(const DeviceExec& exec, const Params& params, T* x, const T* gradient) {
  const std::int64_t n = params.images * params.elements;
  if (n == 0) return {};
  const LaunchShape shape{.name = "langevin_step",
                          .sizes = std::to_string(params.images) + " x " + std::to_string(params.elements),
                          .grid_x = blocks_for(params.images * ((params.elements + 3) / 4), 256)};
  runtime::Accesses accesses;
  accesses.read(x, n).read(gradient, n).read(params.iteration_cell, 1).write(x, n);
  return launch(exec, shape, accesses, step_kernel<T>, params, x, gradient);
}

#define MEBM_INSTANTIATE(T) template Status step<T>(const DeviceExec&, const Params&, T*, const T*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::langevin_step::device
