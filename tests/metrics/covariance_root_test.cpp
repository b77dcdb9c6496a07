// The trace of the root of a product of covariances where its pieces are at their limits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "metrics/covariance_root.h"
#include "metrics/singular_values.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using testing::noise;

using Values = std::vector<double>;

// f f^T for f [d, rank].
Values outer(const std::vector<float>& f, std::int64_t d, std::int64_t rank) {
  Values s(static_cast<std::size_t>(d * d));
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j < d; ++j)
      for (std::int64_t k = 0; k < rank; ++k)
        s[static_cast<std::size_t>(i * d + j)] +=
            static_cast<double>(f[static_cast<std::size_t>(i * rank + k)]) *
            static_cast<double>(f[static_cast<std::size_t>(j * rank + k)]);
  return s;
}

double trace(const Values& s, std::int64_t d) {
  double sum = 0;
  for (std::int64_t i = 0; i < d; ++i) sum += s[static_cast<std::size_t>(i * (d + 1))];
  return sum;
}

// Panels are 64 columns wide: ranks below, at, across and above their edges. The root of S S is S.
TEST(CovarianceRoot, OfAMatrixWithItselfIsItsTrace) {
  constexpr std::int64_t kSize = 150;
  for (const std::int64_t rank : {1, 7, 63, 64, 65, 128, 149, 150}) {
    const Values s = outer(noise(static_cast<std::size_t>(kSize * rank), 11), kSize, rank);
    const double expected = trace(s, kSize);
    EXPECT_NEAR(trace_of_product_root(s, s, kSize), expected, 1e-11 * expected) << rank;
  }
}

// S2 = c^2 S1 in a basis where only the order of the axes differs: diagonal matrices have a known root.
TEST(CovarianceRoot, OfDiagonalMatricesIsTheSumOfRoots) {
  constexpr std::int64_t kSize = 90;
  Values a(kSize * kSize), b(kSize * kSize);
  double expected = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    a[i * (kSize + 1)] = i % 3 == 0 ? 0 : std::pow(10.0, static_cast<double>(i % 13) - 9);
    b[i * (kSize + 1)] = i % 5 == 0 ? 0 : static_cast<double>(i);
    expected += std::sqrt(a[i * (kSize + 1)] * b[i * (kSize + 1)]);
  }
  EXPECT_NEAR(trace_of_product_root(a, b, kSize), expected, 1e-12 * expected);
  EXPECT_NEAR(trace_of_product_root(b, a, kSize), expected, 1e-12 * expected);
}

// Keeping a covariance in fp32 leaves it indefinite: its negative eigenvalues are as zero.
TEST(CovarianceRoot, OfARoundedShortRankMatrixIsCloseToTheWholeOnes) {
  constexpr std::int64_t kSize = 100, kRank = 20;
  const Values s = outer(noise(kSize * kRank, 3), kSize, kRank);
  Values rounded;
  for (const double value : s) rounded.push_back(static_cast<double>(static_cast<float>(value)));
  const double expected = trace(s, kSize);
  EXPECT_NEAR(trace_of_product_root(rounded, rounded, kSize), expected, 1e-4 * expected);
  EXPECT_NEAR(trace_of_product_root(rounded, s, kSize), expected, 1e-4 * expected);
}

TEST(SingularValues, OfOrthogonalColumnsSumTheirLengths) {
  // Columns of a Hadamard matrix, scaled.
  constexpr std::size_t kRows = 128, kColumns = 77;
  Values a(kRows * kColumns);
  double expected = 0;
  for (std::size_t c = 0; c < kColumns; ++c) {
    const double scale = c % 4 == 0 ? 0.0 : std::pow(2.0, -static_cast<double>(c % 30));
    for (std::size_t r = 0; r < kRows; ++r)
      a[c * kRows + r] = __builtin_popcountll(r & c) % 2 ? -scale : scale;
    expected += scale * std::sqrt(static_cast<double>(kRows));
  }
  EXPECT_NEAR(sum_of_singular_values(a, kRows, kColumns), expected, 1e-12 * expected);
}

TEST(SingularValues, OfSmallMatrices) {
  Values one{-3};
  EXPECT_DOUBLE_EQ(sum_of_singular_values(one, 1, 1), 3);
  Values column{3, 4};
  EXPECT_DOUBLE_EQ(sum_of_singular_values(column, 2, 1), 5);
  Values nothing(6, 0.0);
  EXPECT_EQ(sum_of_singular_values(nothing, 3, 2), 0);
  Values square{1, 0, 1,
                1};  // squares of the singular values: (3 +- sqrt 5) / 2, whose roots add up to sqrt 5
  EXPECT_NEAR(sum_of_singular_values(square, 2, 2), std::sqrt(5.0), 1e-14);
}

}  // namespace
}  // namespace mebm::metrics
