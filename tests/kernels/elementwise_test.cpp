// Elementwise kernels, sums, LeakyReLU, reorder and SGD against scalar formulas.

#include "kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include "kernels/leaky_relu/leaky_relu.h"
#include "kernels/reorder/reorder.h"
#include "kernels/sgd_step/sgd_step.h"
#include "tests/reference/test_data.h"

namespace mebm::kernels {
namespace {

using reference::absolute;
using reference::from_blocked;
using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::to_blocked;
using reference::Values;
using reference::within;

constexpr std::size_t kSizes[] = {0, 1, 7, 8, 31, 33, 257, 65536, 65537, 200003};

// values[i] for all i, from a formula of the index.
template <typename Formula>
Values tabulate(std::size_t count, const Formula& formula) {
  Values out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = formula(i);
  return out;
}

template <typename T>
class Elementwise : public ::testing::Test {};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Elementwise, Precisions);

// Two products and a sum: at most 4 roundings (the factors are rounded to T as well) of the largest term.
TYPED_TEST(Elementwise, Axpby) {
  using T = TypeParam;
  for (std::size_t n : kSizes)
    for (double beta : {0.0, 1.0, -0.3}) {
      const Values x = random_values(n, 1), y = random_values(n, 2);
      const Guarded<T> in(x);
      Guarded<T> out(n), other(n);
      if (beta != 0) {
        std::copy(y.begin(), y.end(), out.data());
        std::copy(y.begin(), y.end(), other.data());
      }  // else y is NaN and must not be read
      elementwise::axpby<T>({1}, static_cast<std::int64_t>(n), 0.7, in.data(), beta, out.data());
      elementwise::axpby<T>({3}, static_cast<std::int64_t>(n), 0.7, in.data(), beta, other.data());
      EXPECT_TRUE(out.same_bits(other)) << n;
      EXPECT_TRUE(out.intact());
      const Values expected =
          tabulate(n, [&](std::size_t i) { return 0.7 * x[i] + (beta == 0 ? 0 : beta * y[i]); });
      EXPECT_TRUE(within(out.values(), expected, 4 * kRoundoff<T> * 1.3)) << "n " << n << " beta " << beta;
    }
}

TYPED_TEST(Elementwise, AxpbyInPlace) {
  using T = TypeParam;
  const Values x = random_values(33, 1);
  Guarded<T> inout(x);
  elementwise::axpby<T>({2}, 33, 2, inout.data(), 0, inout.data());
  EXPECT_EQ(inout.values(), tabulate(33, [&](std::size_t i) { return 2 * x[i]; }));
}

TYPED_TEST(Elementwise, Multiply) {
  using T = TypeParam;
  for (std::size_t n : kSizes)
    for (bool accumulate : {false, true}) {
      const Values a = random_values(n, 1), b = random_values(n, 2), before = random_values(n, 3);
      const Guarded<T> in_a(a), in_b(b);
      Guarded<T> out(n), other(n);
      if (accumulate) {
        std::copy(before.begin(), before.end(), out.data());
        std::copy(before.begin(), before.end(), other.data());
      }
      const auto count = static_cast<std::int64_t>(n);
      elementwise::multiply<T>({1}, count, -1.7, in_a.data(), in_b.data(), out.data(), accumulate);
      elementwise::multiply<T>({3}, count, -1.7, in_a.data(), in_b.data(), other.data(), accumulate);
      EXPECT_TRUE(out.same_bits(other) && out.intact()) << n;
      const Values expected =
          tabulate(n, [&](std::size_t i) { return -1.7 * a[i] * b[i] + (accumulate ? before[i] : 0); });
      EXPECT_TRUE(within(out.values(), expected, 5 * kRoundoff<T> * 2.7)) << n;
    }
}

// Sums are in fp64: the bound is fp64's even for fp32 input.
TYPED_TEST(Elementwise, Sums) {
  using T = TypeParam;
  for (std::size_t n : kSizes) {
    const Values x = random_values(n, 1, -1, 3);
    const Guarded<T> in(x);
    long double sum = 0, squares = 0, magnitude = 0;
    for (double v : x) {
      sum += v;
      squares += static_cast<long double>(v) * v;
      magnitude += std::abs(v);
    }
    const auto count = static_cast<std::int64_t>(n);
    const double actual = elementwise::sum<T>({1}, count, in.data());
    const double actual_squares = elementwise::sum_of_squares<T>({1}, count, in.data());
    const double bound = 6 * std::sqrt(static_cast<double>(n) + 4) * kRoundoff<double>;
    EXPECT_NEAR(actual, static_cast<double>(sum), bound * static_cast<double>(magnitude)) << n;
    EXPECT_NEAR(actual_squares, static_cast<double>(squares), bound * static_cast<double>(squares)) << n;
    for (int threads : {2, 3}) {
      EXPECT_EQ(actual, elementwise::sum<T>({threads}, count, in.data()));
      EXPECT_EQ(actual_squares, elementwise::sum_of_squares<T>({threads}, count, in.data()));
    }
  }
}

TYPED_TEST(Elementwise, Fill) {
  using T = TypeParam;
  Guarded<T> out(257);
  elementwise::fill<T>({2}, 257, -3.5, out.data());
  EXPECT_EQ(out.values(), Values(257, -3.5));
  EXPECT_TRUE(out.intact());
}

TYPED_TEST(Elementwise, LeakyRelu) {
  using T = TypeParam;
  for (std::size_t n : kSizes) {
    Values x = random_values(n, 1);
    if (n > 5) x[5] = 0;  // the slope at 0 is `leak`
    const Values dz = random_values(n, 2), before = random_values(n, 3);
    const Guarded<T> in(x), in_dz(dz);
    Guarded<T> z(n), dx(n), sum(before);
    const auto count = static_cast<std::int64_t>(n);
    leaky_relu::forward<T>({3}, count, 0.2, in.data(), z.data());
    leaky_relu::backward<T>({3}, count, 0.2, in.data(), in_dz.data(), dx.data(), false);
    leaky_relu::backward<T>({1}, count, 0.2, in.data(), in_dz.data(), sum.data(), true);
    EXPECT_TRUE(z.intact() && dx.intact() && sum.intact());
    const Values slope = tabulate(n, [&](std::size_t i) { return x[i] > 0 ? 1 : 0.2; });
    const double bound = 4 * kRoundoff<T>;  // leak rounded, product, sum; all values at most 2
    EXPECT_TRUE(within(z.values(), tabulate(n, [&](std::size_t i) { return slope[i] * x[i]; }), bound));
    EXPECT_TRUE(within(dx.values(), tabulate(n, [&](std::size_t i) { return slope[i] * dz[i]; }), bound));
    EXPECT_TRUE(within(sum.values(), tabulate(n, [&](std::size_t i) { return before[i] + slope[i] * dz[i]; }),
                       bound));
  }
}

// Every pair of layouts; padding of the destination is 0, padding of the source is never read.
template <typename From, typename To>
void check_reorder(int channels, int pixels, int from_block, int to_block) {
  constexpr int kImages = 3;
  const Values plain = random_values(static_cast<std::size_t>(kImages * channels * pixels), 1);
  const Values before = random_values(plain.size(), 2);
  const Guarded<From> from(to_blocked(kImages, channels, pixels, from_block, plain, NAN));
  const Values expected = to_blocked(kImages, channels, pixels, to_block, plain, 0);
  const FeatureMap from_map{kImages, channels, pixels, from_block},
      to_map{kImages, channels, pixels, to_block};
  Guarded<To> to(expected.size());
  reorder::copy<From, To>({1}, from_map, from.data(), to_map, to.data(), false);
  EXPECT_EQ(to.values(), expected) << channels << "x" << pixels << " " << from_block << "->" << to_block;
  EXPECT_TRUE(to.intact());

  Values total(plain.size());
  for (std::size_t i = 0; i < total.size(); ++i) total[i] = plain[i] + before[i];
  Guarded<To> sum(to_blocked(kImages, channels, pixels, to_block, before, 9));
  reorder::copy<From, To>({pixels == 31 ? 3 : 1}, from_map, from.data(), to_map, sum.data(), true);
  EXPECT_TRUE(
      within(sum.values(), to_blocked(kImages, channels, pixels, to_block, total, 9), 2 * kRoundoff<To>));
}

TEST(Reorder, EveryPairOfLayouts) {
  for (int channels : {1, 3, 16, 20, 48})
    for (int pixels : {1, 31, 33})
      for (int from : {1, 8, 16})
        for (int to : {1, 8, 16}) {
          check_reorder<float, float>(channels, pixels, from, to);
          check_reorder<double, float>(channels, pixels, from, to);
          check_reorder<float, double>(channels, pixels, from, to);
          check_reorder<double, double>(channels, pixels, from, to);
        }
}

// v <- m v + (g + d w), w <- w - lr v. Each is at most 6 roundings of values below 3.
TYPED_TEST(Elementwise, SgdStep) {
  using T = TypeParam;
  const std::size_t sizes[] = {1, 16, 0, 16384, 16385, 40001};
  const double rate = 0.1, momentum = 0.9, decay = 5e-4;
  for (int threads : {1, 3}) {
    std::vector<std::unique_ptr<Guarded<T>>> weights, velocities, gradients;
    std::vector<sgd_step::Group<T>> groups;
    std::vector<Values> w, v, g;
    std::uint32_t seed = 0;
    for (std::size_t n : sizes) {
      w.push_back(random_values(n, ++seed));
      v.push_back(random_values(n, ++seed));
      g.push_back(random_values(n, ++seed));
      weights.push_back(std::make_unique<Guarded<T>>(w.back()));
      velocities.push_back(std::make_unique<Guarded<T>>(v.back()));
      gradients.push_back(std::make_unique<Guarded<T>>(g.back()));
      groups.push_back({weights.back()->data(), velocities.back()->data(), gradients.back()->data(),
                        static_cast<std::int64_t>(n)});
    }
    sgd_step::step<T>({threads}, {rate, momentum, decay}, groups.data(),
                      static_cast<std::int64_t>(groups.size()));
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const Values velocity = tabulate(
          w[k].size(), [&](std::size_t i) { return momentum * v[k][i] + (g[k][i] + decay * w[k][i]); });
      EXPECT_TRUE(within(velocities[k]->values(), velocity, 6 * 3 * kRoundoff<T>));
      EXPECT_TRUE(within(weights[k]->values(),
                         tabulate(w[k].size(), [&](std::size_t i) { return w[k][i] - rate * velocity[i]; }),
                         6 * 3 * kRoundoff<T>));
      EXPECT_EQ(gradients[k]->values(), g[k]);
      EXPECT_TRUE(weights[k]->intact() && velocities[k]->intact() && gradients[k]->intact());
    }
  }
}

}  // namespace
}  // namespace mebm::kernels
