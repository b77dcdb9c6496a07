// The emulator's matrix products through Eigen, on one thread.

#include <Eigen/Core>
#include <string>

#include "kernels/emulator/emulated_runtime.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/gemm_checks.h"

namespace mebm::kernels::gemm {
namespace {

template <typename T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using In = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;
template <typename T>
using Out = Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>>;

class HostLibrary final : public Library {
 public:
  Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
                  std::int64_t k, double alpha, const float* a, std::int64_t lda, const float* b,
                  std::int64_t ldb, double beta, float* c, std::int64_t ldc) override {
    return product(exec, {transpose_a, transpose_b, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c);
  }
  Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
                  std::int64_t k, double alpha, const double* a, std::int64_t lda, const double* b,
                  std::int64_t ldb, double beta, double* c, std::int64_t ldc) override {
    return product(exec, {transpose_a, transpose_b, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c);
  }

  Status rank_update(const DeviceExec& exec, std::int64_t n, std::int64_t k, const double* a,
                     std::int64_t lda, double* c, std::int64_t ldc) override {
    if (std::string problem = rank_update_problem(n, k, lda, ldc); !problem.empty()) return Status(problem);
    if (n == 0 || k == 0) return {};
    runtime::Accesses accesses;
    accesses.read(a, strided(k, n, lda)).read(c, strided(n, n, ldc)).write(c, strided(n, n, ldc));
    return emulator::enqueue(exec.stream, "rank_update", accesses, [=] {
      const In<double> factor(a, k, n, Eigen::OuterStride<>(lda));
      Out<double>(c, n, n, Eigen::OuterStride<>(ldc))
          .template selfadjointView<Eigen::Upper>()
          .rankUpdate(factor.transpose());
      return Status();
    });
  }

  Status solve_right_lower_transposed(const DeviceExec& exec, std::int64_t m, std::int64_t n, const double* l,
                                      std::int64_t ldl, double* b, std::int64_t ldb) override {
    if (std::string problem = solve_problem(m, n, ldl, ldb); !problem.empty()) return Status(problem);
    if (m == 0 || n == 0) return {};
    runtime::Accesses accesses;
    accesses.read(l, strided(n, n, ldl)).read(b, strided(m, n, ldb)).write(b, strided(m, n, ldb));
    return emulator::enqueue(exec.stream, "solve_right_lower_transposed", accesses, [=] {
      Out<double> solution(b, m, n, Eigen::OuterStride<>(ldb));
      const In<double> factor(l, n, n, Eigen::OuterStride<>(ldl));
      factor.transpose().template triangularView<Eigen::Upper>().template solveInPlace<Eigen::OnTheRight>(
          solution);
      return Status();
    });
  }

 private:
  template <typename T>
  static Status product(const DeviceExec& exec, const Product& p, double alpha, const T* a, const T* b,
                        double beta, T* c) {
    if (std::string problem = product_problem(p); !problem.empty()) return Status(problem);
    if (p.m == 0 || p.n == 0) return {};
    const std::int64_t a_rows = p.transpose_a ? p.k : p.m, a_columns = p.transpose_a ? p.m : p.k;
    const std::int64_t b_rows = p.transpose_b ? p.n : p.k, b_columns = p.transpose_b ? p.k : p.n;
    const std::int64_t c_extent = strided(p.m, p.n, p.ldc);
    runtime::Accesses accesses;
    accesses.read(a, strided(a_rows, a_columns, p.lda)).read(b, strided(b_rows, b_columns, p.ldb));
    if (beta != 0) accesses.read(c, c_extent);
    accesses.write(c, c_extent);
    return emulator::enqueue(exec.stream, "multiply", accesses, [=] {
      const In<T> left(a, a_rows, a_columns, Eigen::OuterStride<>(p.lda));
      const In<T> right(b, b_rows, b_columns, Eigen::OuterStride<>(p.ldb));
      RowMajor<T> sum(p.m, p.n);
      if (p.transpose_a && p.transpose_b) sum.noalias() = left.transpose() * right.transpose();
      if (p.transpose_a && !p.transpose_b) sum.noalias() = left.transpose() * right;
      if (!p.transpose_a && p.transpose_b) sum.noalias() = left * right.transpose();
      if (!p.transpose_a && !p.transpose_b) sum.noalias() = left * right;
      Out<T> out(c, p.m, p.n, Eigen::OuterStride<>(p.ldc));
      if (beta == 0) out = static_cast<T>(alpha) * sum;
      if (beta != 0) out = static_cast<T>(alpha) * sum + static_cast<T>(beta) * out;
      return Status();
    });
  }
};

}  // namespace

LibraryResult make_library(const DeviceExec&) {
  return {std::make_unique<HostLibrary>(), {}};
}

}  // namespace mebm::kernels::gemm
