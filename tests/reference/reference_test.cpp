// The oracles against known answers, and the comparison against planted errors: a test that cannot fail shows
// here.

#include <gtest/gtest.h>

#include "tests/reference/oracle.h"
#include "tests/reference/test_data.h"

namespace mebm::reference {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Random123's kat_vectors, philox4x32 10.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Oracle, ConvolutionByHand) {
  const Convolution c{.images = 1, .in_channels = 1, .in_height = 2, .in_width = 2, .out_channels = 1};
  const Values w{1, 2, 3, 4, 5, 6, 7, 8, 9}, x{1, 10, 100, 1000};
  // Top left output: taps (1,1), (1,2), (2,1), (2,2) = 5, 6, 8, 9 over the four pixels.
  EXPECT_EQ(convolution(c, x, w, {0.5}, {})[0], 5 * 1 + 6 * 10 + 8 * 100 + 9 * 1000 + 0.5);
  EXPECT_EQ(convolution(c, x, w, {}, {1, 1, 1, 1})[3], 1 * 1 + 2 * 10 + 4 * 100 + 5 * 1000 + 1);
}

// <dy, conv(x, w)> = <conv^T(dy, w), x> = <wgrad(x, dy), w>
TEST(Oracle, ConvolutionAdjoints) {
  const Convolution c{
      .images = 2, .in_channels = 3, .in_height = 5, .in_width = 4, .out_channels = 2, .stride = 2};
  const Values x = random_values(c.x_count(), 1), w = random_values(c.w_count(), 2),
               dy = random_values(c.y_count(), 3);
  const auto dot = [](const Values& a, const Values& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  const double value = dot(dy, convolution(c, x, w, {}, {}));
  EXPECT_NEAR(dot(convolution_input_gradient(c, dy, w), x), value, 1e-12);
  EXPECT_NEAR(dot(convolution_weight_gradient(c, x, dy), w), value, 1e-12);
}

TEST(Oracle, BatchNormByHand) {
  // Group 0: 1, 3 (mean 2, variance 1); group 1: 10, 10, 40 (mean 20, variance 200).
  const BatchNorm b{.channels = 1, .pixels = 1, .counts = {2, 3}, .eps = 0, .leak = 0.5};
  const BatchNormState s = batch_norm(b, {1, 3, 10, 10, 40}, {2}, {0});
  EXPECT_TRUE(within(s.mean, {2, 20}, 1e-15));
  EXPECT_TRUE(within(s.variance, {1, 200}, 1e-13));
  EXPECT_TRUE(within(s.z, {-1, 2, -std::sqrt(0.5), -std::sqrt(0.5), 2 * std::sqrt(2.0)}, 1e-13));
}

TEST(Oracle, FactorAndSoftmaxByHand) {
  EXPECT_TRUE(within(cholesky(2, {4, 2, 2, 5}), {2, 0, 1, 2}, 1e-15));
  EXPECT_TRUE(within(softmax(1, 2, {1000, 1000 + std::log(3.0)}), {0.25, 0.75}, 1e-12));
  EXPECT_NEAR(cross_entropy(1, 2, {0, std::log(3.0)}, {0}), std::log(4.0), 1e-15);
}

// A one per cent error in one element of a convolution's output is caught by the bounds the kernel tests use.
TEST(Tester, CatchesPlantedErrors) {
  const Convolution c{.images = 2, .in_channels = 160, .in_height = 5, .in_width = 5, .out_channels = 4};
  const Values x = random_values(c.x_count(), 4), w = random_values(c.w_count(), 5);
  const Values expected = convolution(c, x, w, {}, {});
  const Values bound = sum_bound<float>(convolution(c, absolute(x), absolute(w), {}, {}), 160 * 9);
  EXPECT_TRUE(within(expected, expected, bound));
  std::size_t caught = 0, large = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::abs(expected[i]) < 1) continue;
    ++large;
    Values wrong = expected;
    wrong[i] *= 1.01;
    caught += within(wrong, expected, bound) ? 0 : 1;
    EXPECT_GT(relative_error(wrong, expected), 1e-4);
  }
  EXPECT_GT(large, expected.size() / 2);
  EXPECT_EQ(caught, large);
}

TEST(Tester, CatchesNanMissingValuesAndStrayWrites) {
  EXPECT_FALSE(within({1, NAN}, {1, 2}, 1e9));
  EXPECT_FALSE(within({1}, {1, 2}, 1e9));
  Guarded<float> memory(33);
  EXPECT_TRUE(std::isnan(memory.data()[32]));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 64, 0u);
  std::fill_n(memory.data(), 33, 1.0f);
  EXPECT_TRUE(memory.intact());
  memory.data()[33] = 1;
  EXPECT_FALSE(memory.intact());
  Guarded<double> before(5);
  before.data()[-1] = 0;
  EXPECT_FALSE(before.intact());
}

TEST(Tester, LayoutsRoundTrip) {
  const Values plain = random_values(2 * 20 * 3, 6);
  for (int block : {1, 8, 16})
    EXPECT_EQ(from_blocked(2, 20, 3, block, to_blocked(2, 20, 3, block, plain, NAN)), plain);
  EXPECT_EQ(to_blocked(1, 2, 2, 8, {1, 2, 3, 4}, 0)[8], 2);  // second pixel of channel 0
}

}  // namespace
}  // namespace mebm::reference
