// Second moments, Cholesky factor and draws of p0 against naive double computation.

#include "kernels/gaussian/gaussian.h"

#include <gtest/gtest.h>

#include "tests/reference/test_data.h"

namespace mebm::kernels {
namespace {

using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::Values;
using reference::within;

std::size_t square(int d) {
  return static_cast<std::size_t>(d) * static_cast<std::size_t>(d);
}

// A well conditioned covariance: moments of 2 d random rows plus a diagonal.
Values covariance_of(int d) {
  Values mean, covariance;
  reference::moments(2 * d, d, random_values(2 * square(d), 1), mean, covariance);
  for (int i = 0; i < d; ++i) covariance[static_cast<std::size_t>(i * d + i)] += 0.01;
  return covariance;
}

// Byte moments are integers: exact, whatever the threads. 800 columns span two blocks of the product.
TEST(Gaussian, ByteMomentsAreExact) {
  for (int d : {1, 33, 257, 800}) {
    const int rows = d == 800 ? 20 : 1024;
    std::vector<std::uint8_t> images(static_cast<std::size_t>(rows * d));
    for (std::size_t i = 0; i < images.size(); ++i)
      images[i] = static_cast<std::uint8_t>(
          reference::philox({static_cast<std::uint32_t>(i), 0, 0, 0}, {1, 2})[0] >> 24);
    for (int i = 0; i < d; ++i) images[static_cast<std::size_t>(i)] = 0;  // the largest |v - 128|
    std::vector<std::int64_t> expected(square(d));
    for (int r = 0; r < rows; ++r)
      for (int i = 0; i < d; ++i)
        for (int j = i; j < d; ++j)
          expected[static_cast<std::size_t>(i * d + j)] +=
              (images[static_cast<std::size_t>(r * d + i)] - 128) *
              (images[static_cast<std::size_t>(r * d + j)] - 128);
    for (int threads : {1, 3}) {
      Guarded<double> moment(Values(square(d), 5.0));
      Guarded<float> scratch(gaussian::second_moment_scratch_floats(rows, d));
      gaussian::second_moment_bytes({threads}, rows, d, images.data(), moment.data(), scratch.data());
      EXPECT_TRUE(moment.intact() && scratch.intact());
      for (int i = 0; i < d; ++i)
        for (int j = i; j < d; ++j)
          ASSERT_EQ(moment.data()[i * d + j],
                    static_cast<double>(expected[static_cast<std::size_t>(i * d + j)]) + 5)
              << i << ", " << j;
    }
  }
}

TEST(Gaussian, ValueMomentsAndMirror) {
  for (int d : {1, 33, 257}) {
    const int rows = 31;
    const Values x = random_values(static_cast<std::size_t>(rows * d), 1);
    const Values expected = reference::product(true, false, d, d, rows, x, x);
    const Guarded<double> in(x);
    Guarded<double> moment(Values(square(d), 0.0));
    gaussian::second_moment({2}, rows, d, in.data(), moment.data());
    gaussian::mirror_upper(d, moment.data());
    EXPECT_TRUE(moment.intact());
    const Values magnitude(square(d), rows);
    EXPECT_TRUE(within(moment.values(), expected, reference::sum_bound<double>(magnitude, rows)));
  }
}

// Backward stability: L L^T = A + E with |E| <= (d + 1) u |L| |L|^T (Higham, theorem 10.3); rows of L have
// norm sqrt(A_ii), so |E_ij| <= (d + 1) u sqrt(A_ii A_jj). L itself agrees with the oracle to the
// conditioning's share.
TEST(Gaussian, FactorMatchesTheOracleAtAnyThreadCount) {
  for (int d : {1, 2, 127, 128, 129, 300}) {
    const Values a = covariance_of(d);
    const Values expected = reference::cholesky(d, a);
    Guarded<double> factor(a), other(a);
    EXPECT_EQ(gaussian::cholesky({1}, d, factor.data()), -1);
    EXPECT_EQ(gaussian::cholesky({3}, d, other.data()), -1);
    EXPECT_TRUE(factor.same_bits(other) && factor.intact());
    const Values l = factor.values(), product = reference::product(false, true, d, d, d, l, l);
    Values bound(square(d));
    for (int i = 0; i < d; ++i)
      for (int j = 0; j < d; ++j)
        bound[static_cast<std::size_t>(i * d + j)] =
            2 * (d + 1) * kRoundoff<double> *
            std::sqrt(a[static_cast<std::size_t>(i * d + i)] * a[static_cast<std::size_t>(j * d + j)]);
    EXPECT_TRUE(within(product, a, bound)) << d;
    EXPECT_TRUE(within(l, expected, 1e-11)) << d;
  }
}

// The number of the first pivot that fails, not of its block.
TEST(Gaussian, FactorNamesTheFirstBadPivot) {
  for (int bad : {0, 5, 127, 128, 200}) {
    Values a(square(300));
    for (int i = 0; i < 300; ++i) a[static_cast<std::size_t>(i * 300 + i)] = i == bad ? -1 : 1;
    Guarded<double> matrix(a);
    EXPECT_EQ(gaussian::cholesky({2}, 300, matrix.data()), bad);
    EXPECT_TRUE(matrix.intact());
  }
}

TEST(Gaussian, FactorRefusesNan) {
  Guarded<double> matrix(Values{1, 0, 0, NAN});
  EXPECT_EQ(gaussian::cholesky({1}, 2, matrix.data()), 1);
}

template <typename T>
void check_draw(int rows, int d, double bound) {
  const Values l = reference::cholesky(d, covariance_of(d)),
               mean = random_values(static_cast<std::size_t>(d), 2);
  Values factor(l.size());
  for (std::size_t i = 0; i < l.size(); ++i) factor[i] = static_cast<double>(static_cast<float>(l[i]));
  const Values z = random_values(static_cast<std::size_t>(rows * d), 3, -3, 3);
  const Guarded<T> in_mean(mean), in_factor(factor), in_z(z);
  Guarded<T> out(z.size()), other(z.size());
  gaussian::draw<T>({1}, rows, d, bound, in_mean.data(), in_factor.data(), in_z.data(), out.data());
  gaussian::draw<T>({3}, rows, d, bound, in_mean.data(), in_factor.data(), in_z.data(), other.data());
  EXPECT_TRUE(out.same_bits(other) && out.intact());
  Values expected = reference::product(false, true, rows, d, d, z, factor);
  Values magnitude =
      reference::product(false, true, rows, d, d, reference::absolute(z), reference::absolute(factor));
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < d; ++i) {
      const auto at = static_cast<std::size_t>(r * d + i);
      expected[at] += mean[static_cast<std::size_t>(i)];
      magnitude[at] += 1;
      if (bound > 0) expected[at] = std::clamp(expected[at], -bound, bound);
    }
  EXPECT_TRUE(within(out.values(), expected, reference::sum_bound<T>(magnitude, d + 1))) << rows << "x" << d;
  // A row alone gives the same bits as among others.
  Guarded<T> alone(static_cast<std::size_t>(d));
  gaussian::draw<T>({2}, 1, d, bound, in_mean.data(), in_factor.data(), in_z.data() + (rows - 1) * d,
                    alone.data());
  EXPECT_EQ(0,
            std::memcmp(alone.data(), out.data() + (rows - 1) * d, static_cast<std::size_t>(d) * sizeof(T)));
}

TEST(Gaussian, DrawsMatchTheFormula) {
  for (auto [rows, d] : {std::array{1, 1}, {5, 31}, {7, 33}, {4, 257}})
    for (double bound : {0.0, 1.0}) {
      check_draw<float>(rows, d, bound);
      check_draw<double>(rows, d, bound);
    }
}

}  // namespace
}  // namespace mebm::kernels
