#pragma once
// What every library of matrix products checks before it runs one.

#include <algorithm>
#include <cstdint>
#include <string>

namespace mebm::kernels::gemm {

struct Product {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k, lda, ldb, ldc;
};

// Values from the first to the last of a row-major matrix with the given row stride.
constexpr std::int64_t strided(std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns;
}

inline std::string stride_text(std::int64_t columns, std::int64_t stride, const char* name) {
  return stride >= std::max<std::int64_t>(columns, 1)
             ? std::string()
             : std::string(": row stride ") + name + " " + std::to_string(stride) + " is below the " +
                   std::to_string(columns) + " columns";
}

inline std::string name_of(const Product& p) {
  return "matrix product " + std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k) +
         (p.transpose_a ? ", A transposed" : "") + (p.transpose_b ? ", B transposed" : "");
}
inline std::string rank_update_name(std::int64_t n, std::int64_t k) {
  return "rank update of " + std::to_string(n) + " x " + std::to_string(n) + " by " + std::to_string(k) +
         " rows";
}
inline std::string solve_name(std::int64_t m, std::int64_t n) {
  return "triangular solve of " + std::to_string(m) + " x " + std::to_string(n);
}

// Empty, or what is wrong, naming the product.
inline std::string product_problem(const Product& p) {
  std::string problem;
  if (p.m < 0 || p.n < 0 || p.k < 0) problem = ": a size is negative";
  if (problem.empty()) problem = stride_text(p.transpose_a ? p.m : p.k, p.lda, "lda");
  if (problem.empty()) problem = stride_text(p.transpose_b ? p.k : p.n, p.ldb, "ldb");
  if (problem.empty()) problem = stride_text(p.n, p.ldc, "ldc");
  return problem.empty() ? problem : name_of(p) + problem;
}
inline std::string rank_update_problem(std::int64_t n, std::int64_t k, std::int64_t lda, std::int64_t ldc) {
  std::string problem;
  if (n < 0 || k < 0) problem = ": a size is negative";
  if (problem.empty()) problem = stride_text(n, lda, "lda");
  if (problem.empty()) problem = stride_text(n, ldc, "ldc");
  return problem.empty() ? problem : rank_update_name(n, k) + problem;
}
inline std::string solve_problem(std::int64_t m, std::int64_t n, std::int64_t ldl, std::int64_t ldb) {
  std::string problem;
  if (m < 0 || n < 0) problem = ": a size is negative";
  if (problem.empty()) problem = stride_text(n, ldl, "ldl");
  if (problem.empty()) problem = stride_text(n, ldb, "ldb");
  return problem.empty() ? problem : solve_name(m, n) + problem;
}

}  // namespace mebm::kernels::gemm
