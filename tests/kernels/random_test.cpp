// Philox, normals and the fused Langevin step against the float64 oracle.

#include <gtest/gtest.h>

#include "kernels/langevin_step/langevin_step.h"
#include "kernels/random_normal/random_normal.h"
#include "tests/reference/test_data.h"

namespace mebm::kernels {
namespace {

using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::Values;
using reference::within;

constexpr std::uint64_t kSeed = 0x123456789abcdef0u;
constexpr auto kPurpose = RandomPurpose::sample_fill;

TEST(Random, PhiloxMatchesThePaperAndTheOracle) {
  const auto words = [](PhiloxKey key, std::array<std::uint32_t, 4> c) {
    const PhiloxWords w = philox4x32_10(key, c[0], c[1], c[2], c[3]);
    return std::array<std::uint32_t, 4>{w.word[0], w.word[1], w.word[2], w.word[3]};
  };
  EXPECT_EQ(words(PhiloxKey(0), {0, 0, 0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(words(PhiloxKey(0x299f31d0a4093822u), {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const std::array<std::uint32_t, 4> counter{i, i * 2654435761u, ~i, i << 20};
    EXPECT_EQ(words(PhiloxKey(kSeed + i), counter),
              reference::philox(counter, {static_cast<std::uint32_t>(kSeed + i),
                                          static_cast<std::uint32_t>((kSeed + i) >> 32)}));
  }
}

TEST(Random, UniformsAndIndices) {
  EXPECT_EQ(uniform_from_word<double>(0), 0.5 / 4294967296.0);
  EXPECT_EQ(uniform_from_word<double>(~0u), 4294967295.5 / 4294967296.0);
  EXPECT_GT(uniform_from_word<float>(0), 0.0f);
  EXPECT_LE(uniform_from_word<float>(~0u), 1.0f);
  EXPECT_EQ(index_from_word(0, 157), 0u);
  EXPECT_EQ(index_from_word(~0u, 157), 156u);
  EXPECT_EQ(index_from_word(1u << 31, 10), 5u);
}

// Error of a normal n = r cos(a), r = sqrt(-2 ln u0), a = 2 pi u1, with u0, u1 within 3u relative:
// ln u0 is off by 3u + u |ln u0|, so r by (3u + u r^2) / r, or sqrt(6u) near r = 0; a by 7u * 2 pi.
template <typename T>
double normal_bound(double radius) {
  const double u = kRoundoff<T>;
  const double radius_error =
      std::min((6 * u + 3 * u * radius * radius) / std::max(radius, 1e-30), std::sqrt(12 * u));
  return radius_error + radius * (7 * u * 2 * 3.15) + 4 * u * radius;
}

struct Expected {
  Values normals, bounds;
};

template <typename T>
Expected expected_normals(int rows, int elements, std::uint32_t iteration, std::uint32_t step,
                          std::uint32_t first) {
  Expected out;
  for (int r = 0; r < rows; ++r)
    for (int e = 0; e < elements; ++e) {
      const auto at = [&](int element) {
        return reference::normal(kSeed, static_cast<std::uint32_t>(kPurpose), iteration,
                                 first + static_cast<std::uint32_t>(r), step,
                                 static_cast<std::uint32_t>(element));
      };
      out.normals.push_back(at(e));
      out.bounds.push_back(normal_bound<T>(std::hypot(at(e), at(e ^ 1))));
    }
  return out;
}

template <typename T>
class Normals : public ::testing::Test {};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Normals, Precisions);

TYPED_TEST(Normals, MatchTheOracle) {
  using T = TypeParam;
  for (int elements : {1, 2, 31, 33, 257, 3072}) {
    const random_normal::Params params{.rows = 3,
                                       .elements = elements,
                                       .key = PhiloxKey(kSeed),
                                       .purpose = kPurpose,
                                       .iteration = 77,
                                       .step = 5,
                                       .first_slot = 9};
    Guarded<T> out(static_cast<std::size_t>(3 * elements)), other(out.size());
    random_normal::fill<T>({1}, params, out.data());
    random_normal::fill<T>({3}, params, other.data());
    EXPECT_TRUE(out.same_bits(other));
    EXPECT_TRUE(out.intact() && other.intact());
    const Expected expected = expected_normals<T>(3, elements, 77, 5, 9);
    EXPECT_TRUE(within(out.values(), expected.normals, expected.bounds)) << elements;
  }
}

TYPED_TEST(Normals, LangevinStepMatchesTheFormula) {
  using T = TypeParam;
  for (int elements : {1, 31, 33, 257})
    for (double gradient_clamp : {0.0, 0.5})
      for (double pixel_clamp : {0.0, 1.0})
        for (double noise : {0.0, 0.25}) {
          const langevin_step::Params params{.images = 3,
                                             .elements = elements,
                                             .step_size = 0.75,
                                             .noise = noise,
                                             .gradient_clamp = gradient_clamp,
                                             .pixel_clamp = pixel_clamp,
                                             .key = PhiloxKey(kSeed),
                                             .purpose = kPurpose,
                                             .iteration = 3,
                                             .step = 2,
                                             .first_slot = 100};
          const std::size_t n = static_cast<std::size_t>(3 * elements);
          const Values x = random_values(n, 1), g = random_values(n, 2, -2, 2);
          const Guarded<T> gradient(g);
          Guarded<T> chains(x), other(x);
          langevin_step::step<T>({1}, params, chains.data(), gradient.data());
          langevin_step::step<T>({2}, params, other.data(), gradient.data());
          EXPECT_TRUE(chains.same_bits(other));
          EXPECT_TRUE(chains.intact());
          const Expected normals = expected_normals<T>(3, elements, 3, 2, 100);
          const reference::Langevin l{0.75, noise, gradient_clamp, pixel_clamp};
          Values expected(n), bound(n);
          for (std::size_t i = 0; i < n; ++i) {
            expected[i] = reference::langevin(l, x[i], g[i], normals.normals[i]);
            // Three products and sums of values below 2 + noise * 7, and the normal's own error.
            bound[i] = 8 * kRoundoff<T> * (2 + noise * 7) + noise * normals.bounds[i];
          }
          EXPECT_TRUE(within(chains.values(), expected, bound)) << elements;
        }
}

TYPED_TEST(Normals, LangevinStepPassesNanThrough) {
  using T = TypeParam;
  Guarded<T> x(Values{0.5, 0.5}), gradient(Values{NAN, 100});
  langevin_step::Params params;
  params.images = 1;
  params.elements = 2;
  langevin_step::step<T>({1}, params, x.data(), gradient.data());
  EXPECT_TRUE(std::isnan(x.data()[0]));
  EXPECT_EQ(x.data()[1], T(-0.5));
}

// 64 slots x 4 iterations x 4 steps of 4096 normals: moments within 5 standard errors, and no correlation
// between slots, steps, iterations, purposes and neighbouring elements.
TEST(Random, NormalsHaveTheRightMomentsAndAreIndependent) {
  constexpr int kElements = 65536;
  const auto draw = [](std::uint32_t iteration, std::uint32_t step, std::uint32_t slot,
                       RandomPurpose purpose) {
    std::vector<double> out(kElements);
    random_normal::fill<double>({2},
                                {.rows = 1,
                                 .elements = kElements,
                                 .key = PhiloxKey(5),
                                 .purpose = purpose,
                                 .iteration = iteration,
                                 .step = step,
                                 .first_slot = slot},
                                out.data());
    return out;
  };
  const std::vector<std::vector<double>> streams{
      draw(0, 0, 0, RandomPurpose::langevin_noise), draw(1, 0, 0, RandomPurpose::langevin_noise),
      draw(0, 1, 0, RandomPurpose::langevin_noise), draw(0, 0, 1, RandomPurpose::langevin_noise),
      draw(0, 0, 0, RandomPurpose::initial_draw)};
  const double n = kElements;
  for (const auto& x : streams) {
    double m[5] = {}, lag = 0;
    for (int i = 0; i < kElements; ++i) {
      const double v = x[static_cast<std::size_t>(i)];
      for (int power = 1; power <= 4; ++power) m[power] += std::pow(v, power) / n;
      if (i > 0) lag += v * x[static_cast<std::size_t>(i - 1)] / n;
    }
    EXPECT_NEAR(m[1], 0, 5 / std::sqrt(n));              // variance 1
    EXPECT_NEAR(m[2], 1, 5 * std::sqrt(2 / n));          // E x^4 - 1 = 2
    EXPECT_NEAR(m[3], 0, 5 * std::sqrt(15 / n));         // E x^6 = 15
    EXPECT_NEAR(m[4], 3, 5 * std::sqrt((105 - 9) / n));  // E x^8 = 105
    EXPECT_NEAR(lag, 0, 5 / std::sqrt(n));
  }
  for (std::size_t a = 0; a < streams.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      double correlation = 0;
      for (std::size_t i = 0; i < streams[a].size(); ++i) correlation += streams[a][i] * streams[b][i] / n;
      EXPECT_NEAR(correlation, 0, 5 / std::sqrt(n)) << a << " and " << b;
    }
}

}  // namespace
}  // namespace mebm::kernels
