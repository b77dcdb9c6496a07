#pragma once
// Matrix products of a device library against the naive sums, with row strides wider than the rows; the
// emulator's and cuBLAS's run the same cases.

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/gemm/gemm.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/oracle.h"
#include "tests/reference/test_data.h"

namespace mebm::test {

inline std::size_t at(int row, int column, int stride) {
  return static_cast<std::size_t>(row * stride + column);
}

// Rows of `columns` values, `stride` apart; what lies between is 77, and the last row ends with its values.
template <typename T>
std::vector<T> spread(const reference::Values& dense, int rows, int columns, int stride) {
  std::vector<T> out(at(rows - 1, columns, stride), T(77));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) out[at(i, j, stride)] = static_cast<T>(dense[at(i, j, columns)]);
  return out;
}

template <typename T>
reference::Values rounded_product_values(int count, std::uint32_t seed) {
  return widened(narrowed<T>(reference::random_values(static_cast<std::size_t>(count), seed)));
}

template <typename T>
void check_product(const kernels::DeviceExec& exec, kernels::gemm::Library& library, bool transpose_a,
                   bool transpose_b, double beta) {
  constexpr int m = 5, n = 7, k = 33, gap = 3;
  constexpr double alpha = 1.5;
  const reference::Values a = rounded_product_values<T>(m * k, 1), b = rounded_product_values<T>(k * n, 2),
                          c = rounded_product_values<T>(m * n, 3);
  const int a_rows = transpose_a ? k : m, a_columns = transpose_a ? m : k;
  const int b_rows = transpose_b ? n : k, b_columns = transpose_b ? k : n;
  const DeviceArray<T> a_memory(spread<T>(a, a_rows, a_columns, a_columns + gap)),
      b_memory(spread<T>(b, b_rows, b_columns, b_columns + gap));
  const std::vector<T> before = spread<T>(c, m, n, n + gap);
  const DeviceArray<T> c_memory(before.size());
  if (beta != 0) c_memory.set(before);  // else NaN, which must not be read
  const kernels::Status status =
      library.multiply(exec, transpose_a, transpose_b, m, n, k, alpha, a_memory.get(), a_columns + gap,
                       b_memory.get(), b_columns + gap, beta, c_memory.get(), n + gap);
  ASSERT_TRUE(status.ok()) << status.error();
  const reference::Values expected = reference::product(transpose_a, transpose_b, m, n, k, a, b);
  const reference::Values magnitude =
      reference::product(transpose_a, transpose_b, m, n, k, reference::absolute(a), reference::absolute(b));
  const std::vector<T> actual = c_memory.values();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      const std::size_t d = at(i, j, n);
      EXPECT_NEAR(static_cast<double>(actual[at(i, j, n + gap)]), alpha * expected[d] + beta * c[d],
                  (k + 4) * reference::kRoundoff<T> * (alpha * magnitude[d] + std::abs(beta * c[d])));
    }
  for (int i = 0; beta != 0 && i + 1 < m; ++i)
    for (int j = n; j < n + gap; ++j) EXPECT_EQ(actual[at(i, j, n + gap)], T(77)) << "between rows";
}

// Adds to the upper triangle and leaves the lower.
inline void check_rank_update(const kernels::DeviceExec& exec, kernels::gemm::Library& library) {
  constexpr int n = 9, k = 21, stride = 11;
  const reference::Values a = reference::random_values(k * n, 4), c = reference::random_values(n * n, 5);
  const DeviceArray<double> a_memory(spread<double>(a, k, n, stride)),
      c_memory(spread<double>(c, n, n, stride));
  ASSERT_TRUE(library.rank_update(exec, n, k, a_memory.get(), stride, c_memory.get(), stride).ok());
  const reference::Values added = reference::product(true, false, n, n, k, a, a);
  const std::vector<double> actual = c_memory.values();
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double expected = c[at(i, j, n)] + (j >= i ? added[at(i, j, n)] : 0.0);
      EXPECT_NEAR(actual[at(i, j, stride)], expected, j >= i ? 1e-14 * k : 0) << i << ", " << j;
    }
}

inline void check_solve(const kernels::DeviceExec& exec, kernels::gemm::Library& library) {
  constexpr int m = 6, n = 8, stride = 10;
  reference::Values l = reference::random_values(n * n, 6), lower = l;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      if (i == j) l[at(i, j, n)] = lower[at(i, j, n)] = 2.0 + l[at(i, j, n)];
      if (j > i) lower[at(i, j, n)] = 0;  // what stands above the diagonal of l is not read
    }
  const reference::Values solution = reference::random_values(m * n, 7);
  const reference::Values right = reference::product(false, true, m, n, n, solution, lower);
  const DeviceArray<double> l_memory(spread<double>(l, n, n, stride)),
      b_memory(spread<double>(right, m, n, stride));
  ASSERT_TRUE(
      library.solve_right_lower_transposed(exec, m, n, l_memory.get(), stride, b_memory.get(), stride).ok());
  const std::vector<double> actual = b_memory.values();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      EXPECT_NEAR(actual[at(i, j, stride)], solution[at(i, j, n)], 1e-12) << i << ", " << j;
}

}  // namespace mebm::test
