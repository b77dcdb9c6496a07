// p0 on a device: the streamed covariance and its Cholesky factor by matrix products, draws.

#include "kernels/gaussian/gaussian.h"

#include <algorithm>
#include <vector>

#include "engine/ops/device/dispatch.h"
#include "engine/ops/device/ops.h"

namespace mebm::engine::ops::device {
namespace {

constexpr std::int64_t kBlock = 128;  // of the factorisation; its diagonal blocks are factored by the host

// The square block at (at, at) of a [d][d] matrix, to and from host memory [size][size].
void read_diagonal(const Tensor& matrix, std::int64_t at, std::int64_t size, double* host) {
  const std::int64_t d = matrix.extent(1);
  for (std::int64_t r = 0; r < size; ++r)
    matrix.memory().read(host + r * size, matrix.as<double>() + (at + r) * d + at,
                         static_cast<std::size_t>(size) * sizeof(double));
}
void write_diagonal(Tensor& matrix, std::int64_t at, std::int64_t size, const double* host) {
  const std::int64_t d = matrix.extent(1);
  for (std::int64_t r = 0; r < size; ++r)
    matrix.memory().write(matrix.as<double>() + (at + r) * d + at, host + r * size,
                          static_cast<std::size_t>(size) * sizeof(double));
}

}  // namespace

void add_moment_bytes(Context& context, std::span<const std::uint8_t> images, Tensor& moment) {
  Accelerator& device = context.accelerator();
  const std::int64_t d = moment.extent(1), rows = static_cast<std::int64_t>(images.size()) / d;
  Tensor bytes = context.empty({rows, d}, DType::uint8), centred = context.empty({rows, d}, DType::fp64);
  bytes.memory().write(bytes.data(), images.data(), images.size());
  check(kernels::gaussian::device::centre_bytes(device.exec(), rows * d, bytes.as<std::uint8_t>(),
                                                centred.as<double>()));
  check(device.gemm().rank_update(device.exec(), d, rows, centred.as<double>(), d, moment.as<double>(), d));
}

void add_moment_values(Context& context, std::span<const double> values, Tensor& moment) {
  Accelerator& device = context.accelerator();
  const std::int64_t d = moment.extent(1), rows = static_cast<std::int64_t>(values.size()) / d;
  Tensor on_device = context.empty({rows, d}, DType::fp64);
  on_device.memory().write(on_device.data(), values.data(), values.size_bytes());
  check(device.gemm().rank_update(device.exec(), d, rows, on_device.as<double>(), d, moment.as<double>(), d));
}

// Right-looking: factor a diagonal block, solve the panel below it, subtract the panel's product from the
// rest.
std::int64_t cholesky(Context& context, std::int64_t d, std::span<double> matrix) {
  Accelerator& device = context.accelerator();
  Tensor a = context.empty({d, d}, DType::fp64);
  a.memory().write(a.data(), matrix.data(), matrix.size_bytes());
  std::vector<double> block(static_cast<std::size_t>(kBlock * kBlock));
  for (std::int64_t at = 0; at < d; at += kBlock) {
    const std::int64_t size = std::min(kBlock, d - at), below = d - at - size;
    read_diagonal(a, at, size, block.data());
    if (const std::int64_t failed = kernels::gaussian::cholesky(context.exec(), size, block.data());
        failed >= 0)
      return at + failed;
    write_diagonal(a, at, size, block.data());
    if (below == 0) break;
    double* panel = a.as<double>() + (at + size) * d + at;
    check(device.gemm().solve_right_lower_transposed(device.exec(), below, size, a.as<double>() + at * d + at,
                                                     d, panel, d));
    check(device.gemm().multiply(device.exec(), false, true, below, below, size, -1, panel, d, panel, d, 1,
                                 a.as<double>() + (at + size) * d + at + size, d));
  }
  a.memory().read(matrix.data(), a.data(), matrix.size_bytes());
  for (std::int64_t i = 0; i < d; ++i) std::fill_n(matrix.begin() + i * d + i + 1, d - i - 1, 0.0);
  return -1;
}

// A matrix product of fixed shape, then mean and clamp: out = clamp(mean + z factor^T).
void gaussian_draw(Context& context, const Tensor& mean, const Tensor& factor, const Tensor& z, double bound,
                   Tensor& out) {
  Accelerator& device = context.accelerator();
  const std::int64_t rows = z.extent(0), d = mean.elements();
  dispatch_real(out.dtype(), "gaussian_draw", [&]<typename T>() {
    check(device.gemm().multiply(device.exec(), false, true, rows, d, d, 1, z.as<T>(), d, factor.as<T>(), d,
                                 0, out.as<T>(), d));
    check(
        kernels::gaussian::device::shift_and_clamp(device.exec(), rows, d, bound, mean.as<T>(), out.as<T>()));
  });
}

}  // namespace mebm::engine::ops::device
