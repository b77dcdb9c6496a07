#include "kernels/gaussian/gaussian.h"

#include <dnnl.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>

#include "kernels/compat/multiversion.h"

namespace mebm::kernels::gaussian {
namespace {

constexpr std::int64_t kMomentBlock = 768, kFactorBlock = 128;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Blocks = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;
using InBlocks = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

constexpr int kLanes = 16, kRowTile = 4;

// Dot products of one factor row with up to kRowTile vectors; lanes are folded in a fixed order.
template <typename T>
MEBM_INLINE void dot_rows(std::int64_t n, const T* factor, const T* const* z, int rows, T* out) {
  for (int r = 0; r < rows; ++r) {
    T lanes[kLanes] = {};
    std::int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes)
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += factor[j + lane] * z[r][j + lane];
    for (int lane = 0; j < n; ++j, ++lane) lanes[lane] += factor[j] * z[r][j];
    for (int width = kLanes / 2; width > 0; width /= 2)
      for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    out[r] = lanes[0];
  }
}

MEBM_MULTIVERSION void dot_rows_f32(std::int64_t n, const float* f, const float* const* z, int rows,
                                    float* out) {
  dot_rows<float>(n, f, z, rows, out);
}
MEBM_MULTIVERSION void dot_rows_f64(std::int64_t n, const double* f, const double* const* z, int rows,
                                    double* out) {
  dot_rows<double>(n, f, z, rows, out);
}
void dot_rows_any(std::int64_t n, const float* f, const float* const* z, int rows, float* out) {
  dot_rows_f32(n, f, z, rows, out);
}
void dot_rows_any(std::int64_t n, const double* f, const double* const* z, int rows, double* out) {
  dot_rows_f64(n, f, z, rows, out);
}

// The first pivot of a block that is not positive (NaN included), by plain elimination; -1 if there is none.
std::int64_t first_bad_pivot(Matrix block) {
  for (std::int64_t i = 0; i < block.rows(); ++i) {
    if (!(block(i, i) > 0)) return i;
    const std::int64_t below = block.rows() - i - 1;
    const Eigen::VectorXd column = block.col(i).tail(below) / block(i, i);
    block.bottomRightCorner(below, below).noalias() -= column * block.col(i).tail(below).transpose();
  }
  return -1;
}

}  // namespace

std::size_t second_moment_scratch_floats(std::int64_t rows, std::int64_t d) {
  return static_cast<std::size_t>(rows * d + kMomentBlock * kMomentBlock);
}

void second_moment_bytes(const CpuExec& exec, std::int64_t rows, std::int64_t d, const std::uint8_t* images,
                         double* moment, float* scratch) {
  float* centred = scratch;
  float* product = scratch + rows * d;
#pragma omp parallel for simd schedule(static) num_threads(exec.threads)
  for (std::int64_t i = 0; i < rows * d; ++i)
    centred[i] = static_cast<float>(static_cast<int>(images[i]) - 128);
  for (std::int64_t i = 0; i < d; i += kMomentBlock)
    for (std::int64_t j = i; j < d; j += kMomentBlock) {
      const std::int64_t height = std::min(kMomentBlock, d - i), width = std::min(kMomentBlock, d - j);
      dnnl_sgemm('T', 'N', height, width, rows, 1.0f, centred + i, d, centred + j, d, 0.0f, product, width);
#pragma omp parallel for schedule(static) num_threads(exec.threads)
      for (std::int64_t r = 0; r < height; ++r)
        for (std::int64_t c = 0; c < width; ++c)
          moment[(i + r) * d + j + c] += static_cast<double>(product[r * width + c]);
    }
}

void second_moment(const CpuExec& exec, std::int64_t rows, std::int64_t d, const double* x, double* moment) {
  const std::int64_t blocks = (d + kFactorBlock - 1) / kFactorBlock;
#pragma omp parallel for schedule(dynamic) num_threads(exec.threads)
  for (std::int64_t task = 0; task < blocks * blocks; ++task) {
    const std::int64_t i = task / blocks * kFactorBlock, j = task % blocks * kFactorBlock;
    if (j < i) continue;
    const std::int64_t height = std::min(kFactorBlock, d - i), width = std::min(kFactorBlock, d - j);
    const InBlocks a(x + i, rows, height, Eigen::OuterStride<>(d)),
        b(x + j, rows, width, Eigen::OuterStride<>(d));
    Blocks(moment + i * d + j, height, width, Eigen::OuterStride<>(d)).noalias() += a.transpose() * b;
  }
}

void mirror_upper(std::int64_t d, double* matrix) {
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = i + 1; j < d; ++j) matrix[j * d + i] = matrix[i * d + j];
}

std::int64_t cholesky(const CpuExec& exec, std::int64_t d, double* matrix) {
  const auto block_at = [&](std::int64_t i, std::int64_t j, std::int64_t height, std::int64_t width) {
    return Blocks(matrix + i * d + j, height, width, Eigen::OuterStride<>(d));
  };
  for (std::int64_t k = 0; k < d; k += kFactorBlock) {
    const std::int64_t size = std::min(kFactorBlock, d - k), below = d - k - size;
    const Matrix diagonal = block_at(k, k, size, size);
    const Eigen::LLT<Matrix> llt(diagonal);
    const Matrix factor = llt.matrixL();
    // Eigen takes NaN for a pivot.
    if (llt.info() != Eigen::Success || !factor.allFinite())
      return k + std::max<std::int64_t>(0, first_bad_pivot(diagonal));
    block_at(k, k, size, size) = factor;
    const std::int64_t row_blocks = (below + kFactorBlock - 1) / kFactorBlock;
#pragma omp parallel num_threads(exec.threads)
    {
#pragma omp for schedule(static)
      for (std::int64_t b = 0; b < row_blocks; ++b) {
        const std::int64_t i = k + size + b * kFactorBlock, height = std::min(kFactorBlock, d - i);
        auto panel = block_at(i, k, height, size);
        factor.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(panel);
      }
#pragma omp for schedule(dynamic)
      for (std::int64_t task = 0; task < row_blocks * row_blocks; ++task) {
        const std::int64_t row = task / row_blocks, column = task % row_blocks;
        if (column > row) continue;
        const std::int64_t i = k + size + row * kFactorBlock, j = k + size + column * kFactorBlock;
        const std::int64_t height = std::min(kFactorBlock, d - i), width = std::min(kFactorBlock, d - j);
        block_at(i, j, height, width).noalias() -=
            block_at(i, k, height, size) * block_at(j, k, width, size).transpose();
      }
    }
  }
  for (std::int64_t i = 0; i < d; ++i) std::fill_n(matrix + i * d + i + 1, d - i - 1, 0.0);
  return -1;
}

template <typename T>
void draw(const CpuExec& exec, std::int64_t rows, std::int64_t d, double bound, const T* mean,
          const T* factor, const T* z, T* out) {
  const T limit = static_cast<T>(bound);
#pragma omp parallel for schedule(dynamic, 32) num_threads(exec.threads)
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t first = 0; first < rows; first += kRowTile) {
      const int tile = static_cast<int>(std::min<std::int64_t>(kRowTile, rows - first));
      const T* vectors[kRowTile] = {};
      for (int r = 0; r < tile; ++r) vectors[r] = z + (first + r) * d;
      T products[kRowTile];
      dot_rows_any(i + 1, factor + i * d, vectors, tile, products);
      for (int r = 0; r < tile; ++r) {
        const T value = mean[i] + products[r];
        out[(first + r) * d + i] = limit > T(0) ? std::clamp(value, -limit, limit) : value;
      }
    }
}

template void draw<float>(const CpuExec&, std::int64_t, std::int64_t, double, const float*, const float*,
                          const float*, float*);
template void draw<double>(const CpuExec&, std::int64_t, std::int64_t, double, const double*, const double*,
                           const double*, double*);

}  // namespace mebm::kernels::gaussian
