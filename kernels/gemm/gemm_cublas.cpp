// Matrix products through cuBLAS. cuBLAS is column-major: it sees every row-major matrix transposed, so
// C^T = op(B)^T op(A)^T is asked for.

#include <cublas_v2.h>

#include <string>
#include <utility>

#include "kernels/compat/device_memory.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/gemm_checks.h"

namespace mebm::kernels::gemm {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // what cuBLAS recommends for Hopper

Status check(cublasStatus_t status, const std::string& call) {
  if (status == CUBLAS_STATUS_SUCCESS) return {};
  std::string text = call + ": " + cublasGetStatusName(status) + ": " + cublasGetStatusString(status);
  return status == CUBLAS_STATUS_ALLOC_FAILED ? Status::out_of_memory(std::move(text))
                                              : Status(std::move(text));
}

cublasOperation_t operation(bool transpose) {
  return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
}

class CublasLibrary final : public Library {
 public:
  CublasLibrary(cublasHandle_t handle, runtime::DeviceMemory workspace)
      : handle_(handle), workspace_(std::move(workspace)) {}
  CublasLibrary(const CublasLibrary&) = delete;
  CublasLibrary& operator=(const CublasLibrary&) = delete;
  ~CublasLibrary() override { (void)cublasDestroy(handle_); }

  Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
                  std::int64_t k, double alpha, const float* a, std::int64_t lda, const float* b,
                  std::int64_t ldb, double beta, float* c, std::int64_t ldc) override {
    const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};
    if (std::string problem = product_problem(p); !problem.empty()) return Status(problem);
    if (m == 0 || n == 0) return {};
    const std::string name = name_of(p) + ", fp32";
    if (Status status = use(exec, CUBLAS_PEDANTIC_MATH, name); !status.ok()) return status;
    const float alpha_value = static_cast<float>(alpha), beta_value = static_cast<float>(beta);
    return check(cublasSgemm_64(handle_, operation(transpose_b), operation(transpose_a), n, m, k,
                                &alpha_value, b, ldb, a, lda, &beta_value, c, ldc),
                 name + ": cublasSgemm()");
  }
  Status multiply(const DeviceExec& exec, bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
                  std::int64_t k, double alpha, const double* a, std::int64_t lda, const double* b,
                  std::int64_t ldb, double beta, double* c, std::int64_t ldc) override {
    const Product p{transpose_a, transpose_b, m, n, k, lda, ldb, ldc};
    if (std::string problem = product_problem(p); !problem.empty()) return Status(problem);
    if (m == 0 || n == 0) return {};
    const std::string name = name_of(p) + ", fp64";
    if (Status status = use(exec, CUBLAS_DEFAULT_MATH, name); !status.ok()) return status;
    return check(cublasDgemm_64(handle_, operation(transpose_b), operation(transpose_a), n, m, k, &alpha, b,
                                ldb, a, lda, &beta, c, ldc),
                 name + ": cublasDgemm()");
  }

  // Row-major upper is column-major lower, and A^T A of a row-major A is A A^T of what cuBLAS sees.
  Status rank_update(const DeviceExec& exec, std::int64_t n, std::int64_t k, const double* a,
                     std::int64_t lda, double* c, std::int64_t ldc) override {
    if (std::string problem = rank_update_problem(n, k, lda, ldc); !problem.empty()) return Status(problem);
    if (n == 0 || k == 0) return {};
    const std::string name = rank_update_name(n, k);
    if (Status status = use(exec, CUBLAS_DEFAULT_MATH, name); !status.ok()) return status;
    const double one = 1;
    return check(
        cublasDsyrk_64(handle_, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, n, k, &one, a, lda, &one, c, ldc),
        name + ": cublasDsyrk()");
  }

  // X L^T = B is L X^T = B^T; cuBLAS sees X^T, B^T and, in place of L, its transpose (upper).
  Status solve_right_lower_transposed(const DeviceExec& exec, std::int64_t m, std::int64_t n, const double* l,
                                      std::int64_t ldl, double* b, std::int64_t ldb) override {
    if (std::string problem = solve_problem(m, n, ldl, ldb); !problem.empty()) return Status(problem);
    if (m == 0 || n == 0) return {};
    const std::string name = solve_name(m, n);
    if (Status status = use(exec, CUBLAS_DEFAULT_MATH, name); !status.ok()) return status;
    const double one = 1;
    return check(cublasDtrsm_64(handle_, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_T,
                                CUBLAS_DIAG_NON_UNIT, n, m, &one, l, ldl, b, ldb),
                 name + ": cublasDtrsm()");
  }

 private:
  // Setting the stream takes the workspace away, so both are set each time.
  Status use(const DeviceExec& exec, cublasMath_t math, const std::string& name) const {
    Status status = check(cublasSetStream(handle_, reinterpret_cast<cudaStream_t>(exec.stream)),
                          name + ": cublasSetStream()");
    if (status.ok())
      status = check(cublasSetWorkspace(handle_, workspace_.get(), kWorkspaceBytes),
                     name + ": cublasSetWorkspace(" + std::to_string(kWorkspaceBytes) + " bytes)");
    if (status.ok()) status = check(cublasSetMathMode(handle_, math), name + ": cublasSetMathMode()");
    return status;
  }

  cublasHandle_t handle_;
  runtime::DeviceMemory workspace_;
};

}  // namespace

LibraryResult make_library(const DeviceExec& exec) {
  int count = 0;
  if (Status status = runtime::device_count(count); !status.ok()) return {nullptr, std::move(status)};
  cublasHandle_t handle = nullptr;
  if (Status status = check(cublasCreate(&handle), "cublasCreate()"); !status.ok())
    return {nullptr, std::move(status)};
  runtime::DeviceMemory workspace;
  if (Status status = runtime::DeviceMemory::make(kWorkspaceBytes, workspace); !status.ok()) {
    (void)cublasDestroy(handle);
    return {nullptr, status.of("cuBLAS's workspace")};
  }
  auto library = std::make_unique<CublasLibrary>(handle, std::move(workspace));
  Status status = check(cublasSetAtomicsMode(handle, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode()");
  if (status.ok())
    status = check(cublasSetStream(handle, reinterpret_cast<cudaStream_t>(exec.stream)), "cublasSetStream()");
  if (!status.ok()) return {nullptr, std::move(status)};
  return {std::move(library), {}};
}

}  // namespace mebm::kernels::gemm
