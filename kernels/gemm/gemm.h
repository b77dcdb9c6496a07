#pragma once
// General matrix products on a device, row-major, fp32 or fp64: cuBLAS on a GPU, Eigen in the emulator.

#include <cstdint>
#include <memory>

#include "kernels/core/device_exec.h"

namespace mebm::kernels::gemm {

// A cuBLAS handle with a workspace of its own; one per stream. Results do not depend on the run.
class Library {
 public:
  virtual ~Library() = default;

  // C [m][n] = alpha op(A) op(B) + beta C; op(A) [m][k], op(B) [k][n]; transpose_a: A is stored [k][m];
  // transpose_b: B is stored [n][k]; lda, ldb, ldc: row strides. C is not read where beta = 0. fp32 products
  // are full fp32, not tf32.
  virtual Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m,
                          std::int64_t n, std::int64_t k, double alpha, const float* a, std::int64_t lda,
                          const float* b, std::int64_t ldb, double beta, float* c, std::int64_t ldc) = 0;
  virtual Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m,
                          std::int64_t n, std::int64_t k, double alpha, const double* a, std::int64_t lda,
                          const double* b, std::int64_t ldb, double beta, double* c, std::int64_t ldc) = 0;

  // Upper triangle of C [n][n] += A^T A; A [k][n].
  virtual Status rank_update(const DeviceExec& exec, std::int64_t n, std::int64_t k, const double* a,
                             std::int64_t lda, double* c, std::int64_t ldc) = 0;
  // B [m][n] <- B L^-T; L [n][n] lower.
  virtual Status solve_right_lower_transposed(const DeviceExec& exec, std::int64_t m, std::int64_t n,
                                              const double* l, std::int64_t ldl, double* b,
                                              std::int64_t ldb) = 0;
};

struct LibraryResult {
  std::unique_ptr<Library> library;  // null: `status` says why
  Status status;
};
LibraryResult make_library(const DeviceExec& exec);

}  // namespace mebm::kernels::gemm
