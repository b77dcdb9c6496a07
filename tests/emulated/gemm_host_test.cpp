// The emulator's matrix products against the naive sums, with row strides wider than the rows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/gemm/gemm.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/oracle.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace gemm = kernels::gemm;
using reference::absolute;
using reference::kRoundoff;
using reference::product;
using reference::random_values;
using reference::Values;

std::size_t at(int row, int column, int stride) {
  return static_cast<std::size_t>(row * stride + column);
}

// Rows of `columns` values, `stride` apart; what lies between is 77, and the last row ends with its values.
template <typename T>
std::vector<T> spread(const Values& dense, int rows, int columns, int stride) {
  std::vector<T> out(at(rows - 1, columns, stride), T(77));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) out[at(i, j, stride)] = static_cast<T>(dense[at(i, j, columns)]);
  return out;
}

std::unique_ptr<gemm::Library> library() {
  gemm::LibraryResult made = gemm::make_library(emulated_exec());
  EXPECT_TRUE(made.library != nullptr) << made.status.error();
  return std::move(made.library);
}

template <typename T>
Values rounded(int count, std::uint32_t seed) {
  return widened(narrowed<T>(random_values(static_cast<std::size_t>(count), seed)));
}

template <typename T>
void check_product(bool transpose_a, bool transpose_b, double beta) {
  constexpr int m = 5, n = 7, k = 33, gap = 3;
  constexpr double alpha = 1.5;
  const Values a = rounded<T>(m * k, 1), b = rounded<T>(k * n, 2), c = rounded<T>(m * n, 3);
  const int a_rows = transpose_a ? k : m, a_columns = transpose_a ? m : k;
  const int b_rows = transpose_b ? n : k, b_columns = transpose_b ? k : n;
  const DeviceArray<T> a_memory(spread<T>(a, a_rows, a_columns, a_columns + gap)),
      b_memory(spread<T>(b, b_rows, b_columns, b_columns + gap));
  const std::vector<T> before = spread<T>(c, m, n, n + gap);
  const DeviceArray<T> c_memory(before.size());
  if (beta != 0) c_memory.set(before);  // else NaN, which must not be read
  const kernels::Status status =
      library()->multiply(emulated_exec(), transpose_a, transpose_b, m, n, k, alpha, a_memory.get(),
                          a_columns + gap, b_memory.get(), b_columns + gap, beta, c_memory.get(), n + gap);
  ASSERT_TRUE(status.ok()) << status.error();
  const Values expected = product(transpose_a, transpose_b, m, n, k, a, b);
  const Values magnitude = product(transpose_a, transpose_b, m, n, k, absolute(a), absolute(b));
  const std::vector<T> actual = c_memory.values();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      const std::size_t d = at(i, j, n);
      EXPECT_NEAR(static_cast<double>(actual[at(i, j, n + gap)]), alpha * expected[d] + beta * c[d],
                  (k + 4) * kRoundoff<T> * (alpha * magnitude[d] + std::abs(beta * c[d])));
    }
  for (int i = 0; beta != 0 && i + 1 < m; ++i)
    for (int j = n; j < n + gap; ++j) EXPECT_EQ(actual[at(i, j, n + gap)], T(77)) << "between rows";
}

TEST(EmulatedGemm, ProductsEqualTheNaiveSums) {
  for (bool transpose_a : {false, true})
    for (bool transpose_b : {false, true})
      for (double beta : {0.0, 1.0, -0.5}) {
        check_product<float>(transpose_a, transpose_b, beta);
        check_product<double>(transpose_a, transpose_b, beta);
      }
}

TEST(EmulatedGemm, ProductOverNothingScales) {
  const DeviceArray<float> c(std::vector<float>{1, 2});
  ASSERT_TRUE(
      library()
          ->multiply(emulated_exec(), false, false, 1, 2, 0, 1.0, c.get(), 1, c.get(), 2, 3.0, c.get(), 2)
          .ok());
  EXPECT_EQ(c.values(), (std::vector<float>{3, 6}));
}

TEST(EmulatedGemm, RankUpdateAddsToTheUpperTriangleAlone) {
  constexpr int n = 9, k = 21, stride = 11;
  const Values a = random_values(k * n, 4), c = random_values(n * n, 5);
  const DeviceArray<double> a_memory(spread<double>(a, k, n, stride)),
      c_memory(spread<double>(c, n, n, stride));
  ASSERT_TRUE(
      library()->rank_update(emulated_exec(), n, k, a_memory.get(), stride, c_memory.get(), stride).ok());
  const Values added = product(true, false, n, n, k, a, a);
  const std::vector<double> actual = c_memory.values();
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double expected = c[at(i, j, n)] + (j >= i ? added[at(i, j, n)] : 0.0);
      EXPECT_NEAR(actual[at(i, j, stride)], expected, j >= i ? 1e-14 * k : 0) << i << ", " << j;
    }
}

TEST(EmulatedGemm, SolveUndoesTheProduct) {
  constexpr int m = 6, n = 8, stride = 10;
  Values l = random_values(n * n, 6), lower = l;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      if (i == j) l[at(i, j, n)] = lower[at(i, j, n)] = 2.0 + l[at(i, j, n)];
      if (j > i) lower[at(i, j, n)] = 0;  // what stands above the diagonal of l is not read
    }
  const Values solution = random_values(m * n, 7);
  const Values right = product(false, true, m, n, n, solution, lower);
  const DeviceArray<double> l_memory(spread<double>(l, n, n, stride)),
      b_memory(spread<double>(right, m, n, stride));
  ASSERT_TRUE(library()
                  ->solve_right_lower_transposed(emulated_exec(), m, n, l_memory.get(), stride,
                                                 b_memory.get(), stride)
                  .ok());
  const std::vector<double> actual = b_memory.values();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      EXPECT_NEAR(actual[at(i, j, stride)], solution[at(i, j, n)], 1e-12) << i << ", " << j;
}

TEST(EmulatedGemm, RefusesRowsThatOverlap) {
  const DeviceArray<float> c(12);
  const kernels::Status status = library()->multiply(emulated_exec(), false, true, 2, 3, 2, 1.0, c.get(), 2,
                                                     c.get(), 2, 0.0, c.get(), 2);
  EXPECT_EQ(status.error(),
            "matrix product 2 x 3 x 2, B transposed: row stride ldc 2 is below the 3 columns");
}

}  // namespace
}  // namespace mebm::test
