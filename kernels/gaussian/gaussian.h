#pragma once
// The Gaussian p0 = N(mean, covariance): second moments by matrix products, a blocked Cholesky factor, draws.

#include <cstddef>
#include <cstdint>

#include "kernels/core/device_exec.h"
#include "kernels/core/exec.h"

namespace mebm::kernels::gaussian {

// Rows of at most this many byte images keep second_moment_bytes() exact: |v - 128| <= 128 and 1024 * 128^2 =
// 2^24, so every fp32 partial sum is an integer fp32 represents, whatever the order of summation.
inline constexpr std::int64_t kExactRows = 1024;

// moment [d][d] += sum over rows of c c^T with c = v - 128, upper triangle of square blocks (what
// lies below them is left alone; see mirror_upper). rows <= kExactRows; scratch:
// second_moment_scratch_floats().
void second_moment_bytes(const CpuExec& exec, std::int64_t rows, std::int64_t d, const std::uint8_t* images,
                         double* moment, float* scratch);
std::size_t second_moment_scratch_floats(std::int64_t rows, std::int64_t d);

// The same for fp64 rows x [rows][d]: moment += x^T x, upper triangle of blocks.
void second_moment(const CpuExec& exec, std::int64_t rows, std::int64_t d, const double* x, double* moment);

// Copies the upper triangle of a [d][d] matrix to the lower one.
void mirror_upper(std::int64_t d, double* matrix);

// Lower Cholesky factor in place, right-looking with small blocks; the strict upper triangle is set to 0.
// Returns the number of the first pivot that is not positive (NaN included), or -1. Independent of the number
// of threads.
std::int64_t cholesky(const CpuExec& exec, std::int64_t d, double* matrix);

// out[r] = clamp(mean + factor z[r], -bound, bound) for rows z [rows][d]; factor lower [d][d]; bound 0: no
// clamp. A row's result does not depend on the other rows or on the number of threads.
template <typename T>
void draw(const CpuExec& exec, std::int64_t rows, std::int64_t d, double bound, const T* mean,
          const T* factor, const T* z, T* out);

namespace device {
// out[r] = clamp(mean + out[r], -bound, bound) in place, out [rows][d]; bound 0: no clamp. A NaN stays.
template <typename T>
Status shift_and_clamp(const DeviceExec& exec, std::int64_t rows, std::int64_t d, double bound, const T* mean,
                       T* out);
// out[r][i] = bytes[r][i] - 128, as fp32 or fp64.
template <typename T>
Status centre_bytes(const DeviceExec& exec, std::int64_t n, const std::uint8_t* bytes, T* out);
}  // namespace device

}  // namespace mebm::kernels::gaussian
