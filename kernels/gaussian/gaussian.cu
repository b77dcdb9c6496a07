#include "kernels/gaussian/gaussian.h"

#include "kernels/compat/cuda.h"
#include "kernels/langevin_step/langevin_step_math.h"

namespace mebm::kernels::gaussian::device {
namespace {

template <typename T>
__global__ void shift_and_clamp_kernel(std::int64_t n, std::int64_t d, T bound, const T* __restrict__ mean,
                                       T* __restrict__ out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const T value = mean[i % d] + out[i];
  out[i] = bound > T(0) ? langevin_step::clamp_to(value, bound) : value;
}

template <typename T>
__global__ void centre_bytes_kernel(std::int64_t n, const std::uint8_t* __restrict__ bytes,
                                    T* __restrict__ out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) out[i] = static_cast<T>(static_cast<int>(bytes[i]) - 128);
}

}  // namespace

template <typename T>
Status shift_and_clamp(const DeviceExec& exec, std::int64_t rows, std::int64_t d, double bound, const T* mean,
                       T* out) {
  const std::int64_t n = rows * d;
  if (n == 0) return {};
  const LaunchShape shape{.name = "gaussian_shift_and_clamp",
                          .sizes = std::to_string(rows) + " x " + std::to_string(d),
                          .grid_x = blocks_for(n, 256)};
  runtime::Accesses accesses;
  accesses.read(mean, d).read(out, n).write(out, n);
  return launch(exec, shape, accesses, shift_and_clamp_kernel<T>, n, d, static_cast<T>(bound), mean, out);
}

template <typename T>
Status centre_bytes(const DeviceExec& exec, std::int64_t n, const std::uint8_t* bytes, T* out) {
  if (n == 0) return {};
  const LaunchShape shape{
      .name = "gaussian_centre_bytes", .sizes = std::to_string(n), .grid_x = blocks_for(n, 256)};
  runtime::Accesses accesses;
  accesses.read(bytes, n).write(out, n);
  return launch(exec, shape, accesses, centre_bytes_kernel<T>, n, bytes, out);
}

#define MEBM_INSTANTIATE(T)                                                                                \
  template Status shift_and_clamp<T>(const DeviceExec&, std::int64_t, std::int64_t, double, const T*, T*); \
  template Status centre_bytes<T>(const DeviceExec&, std::int64_t, const std::uint8_t*, T*);
MEBM_FOR_REAL_TYPES(MEBM_INSTANTIATE)

}  // namespace mebm::kernels::gaussian::device
