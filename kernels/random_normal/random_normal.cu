#include "kernels/core/wide_access.h"
#include "kernels/random_normal/normal_math.h"
#include "kernels/random_normal/random_normal.h"

namespace mebm::kernels::random_normal::device {
namespace {

// One thread for four elements: one Philox call serves them. wide: rows start at 16-byte boundaries.
template <typename T>
__global__ void fill_kernel(Params params, const std::uint32_t* __restrict__ iteration_cell, bool wide,
                            T* __restrict__ out) {
  const std::int64_t groups = (params.elements + 3) / 4;
  const std::int64_t task = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (task >= params.rows * groups) return;
  const std::int64_t row = task / groups, group = task % groups;
  const std::uint32_t iteration = iteration_cell != nullptr ? *iteration_cell : params.iteration;
  T normals[4];
  normals_from_words(
      random_words(params.key, params.purpose, iteration, params.first_slot + static_cast<std::uint32_t>(row),
                   params.step, static_cast<std::uint32_t>(group)),
      normals);
  T* const to = out + row * params.elements + 4 * group;
  if (wide) {
    store_wide<4>(to, normals);
  } else {
    for (int i = 0; i < 4; ++i)
      if (4 * group + i < params.elements) to[i] = normals[i];
  }
}

template <typename T>
__global__ void fill_uniform_kernel(Params params, const std::uint32_t* __restrict__ iteration_cell,
                                    T* __restrict__ out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= params.rows * params.elements) return;
  const std::uint32_t iteration = iteration_cell != nullptr ? *iteration_cell : params.iteration;
  const double u = random_uniform<double>(params.key, params.purpose, iteration,
                                          params.first_slot + static_cast<std::uint32_t>(i / params.elements),
                                          params.step, static_cast<std::uint32_t>(i % params.elements));
  out[i] = static_cast<T>(2 * u - 1);
}

}  // namespace

template <typename T>
Status fill(const DeviceExec& exec, const Params& params, const std::uint32_t* iteration_cell, T* out) {
  const std::int64_t n = params.rows * params.elements;
  if (n == 0) return {};
  const LaunchShape shape{.name = "random_normal",
                          .sizes = std::to_string(params.rows) + " x " + std::to_string(params.elements),
                          .grid_x = blocks_for(params.rows * ((params.elements + 3) / 4), 256)};
  const bool wide = params.elements % 4 == 0 && is_aligned(out);
  runtime::Accesses accesses;
  accesses.read(iteration_cell, 1).write(out, n);
  return launch(exec, shape, accesses, fill_kernel<T>, params, iteration_cell, wide, out);
}

template <typename T>
Status fill_uniform(const DeviceExec& exec, const Params& params, const std::uint32_t* iteration_cell,
                    T* out) {
  const std::int64_t n = params.rows * params.elements;
  if (n == 0) return {};
  const LaunchShape shape{.name = "random_uniform",
                          .sizes = std::to_string(params.rows) + " x " + std::to_string(params.elements),
                          .grid_x = blocks_for(n, 256)};
  runtime::Accesses accesses;
  accesses.read(iteration_cell, 1).write(out, n);
  return launch(exec, shape, accesses, fill_uniform_kernel<T>, params, iteration_cell, out);
}

#define MEBM_INSTANTIATE(T)                                                            \
  template Status fill<T>(const DeviceExec&, const Params&, const std::uint32_t*, T*); \
  template Status fill_uniform<T>(const DeviceExec&, const Params&, const std::uint32_t*, T*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::random_normal::device
