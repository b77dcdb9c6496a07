// Distances between sets of features against torch-fidelity's own code in float64 and against known answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "metrics/distribution_distance.h"
#include "tests/io/test_files.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using engine::testing::input_error;
using ::testing::AllOf;
using testing::features_of;
using ::testing::HasSubstr;
using testing::noise;
using testing::side;
using testing::statistics_of;

constexpr double kRelative = 1e-6;

double relative(double a, double b) {
  return std::abs(a - b) / std::max(std::abs(b), 1e-300);
}

class Golden : public ::testing::TestWithParam<const char*> {
 protected:
  const Features generated_ = side(GetParam(), "generated"), real_ = side(GetParam(), "real");
  double expected(const std::string& name) const {
    return testing::distances_file().attribute_double(std::string("/") + GetParam(), name);
  }
};

TEST_P(Golden, FrechetDistance) {
  const double distance = frechet_distance(statistics_of(generated_), statistics_of(real_));
  EXPECT_LE(relative(distance, expected("frechet")), 1e-9) << distance;  // from the features themselves
  EXPECT_LE(relative(distance, expected("frechet_torch_fidelity")), kRelative) << distance;
}

TEST_P(Golden, FrechetDistanceIsSymmetricAndZeroToItself) {
  const FeatureStatistics a = statistics_of(generated_), b = statistics_of(real_);
  EXPECT_LE(relative(frechet_distance(a, b), frechet_distance(b, a)), 1e-12);
  EXPECT_LE(frechet_distance(a, a), 1e-6);
  EXPECT_LE(frechet_distance(b, b), 1e-6);
}

TEST_P(Golden, KernelDistance) {
  const MeanDeviation distance = kernel_distance(generated_, real_, {8, 16, 2020});
  EXPECT_LE(relative(distance.mean, expected("kernel_mean")), kRelative) << distance.mean;
  EXPECT_LE(relative(distance.deviation, expected("kernel_deviation")), kRelative) << distance.deviation;
}

TEST_P(Golden, InceptionScore) {
  const MeanDeviation score = inception_score(generated_, {5, 2020});
  EXPECT_LE(relative(score.mean, expected("inception_mean")), kRelative) << score.mean;
  EXPECT_LE(relative(score.deviation, expected("inception_deviation")), kRelative) << score.deviation;
}

TEST_P(Golden, PrecisionAndRecall) {
  const PrecisionRecall result = precision_recall(generated_, real_, 3);
  EXPECT_NEAR(result.precision, expected("precision"), 1e-7);  // torch-fidelity's mean is in float32
  EXPECT_NEAR(result.recall, expected("recall"), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden,
                         ::testing::Values("full", "few", "few_and_many", "span", "disjoint", "constant",
                                           "repeated", "decaying"),
                         [](const auto& tested) { return std::string(tested.param); });

FeatureStatistics gaussian(std::vector<double> mean, std::vector<double> covariance) {
  FeatureStatistics statistics;
  statistics.mean = std::move(mean);
  statistics.covariance = std::move(covariance);
  return statistics;
}

TEST(FrechetDistance, OfTwoGaussiansWithKnownAnswer) {
  // Commuting covariances: |mu1 - mu2|^2 + sum (sigma1 - sigma2)^2 over the common axes, here turned by 45
  // degrees: variances 9 and 1 against 4 and 16.
  const auto a = gaussian({1, 2}, {5, 4, 4, 5}), b = gaussian({4, -2}, {10, -6, -6, 10});
  EXPECT_NEAR(frechet_distance(a, b), 25 + (3 - 2) * (3 - 2) + (1 - 4) * (1 - 4), 1e-12);
}

TEST(FrechetDistance, OfEqualCovariancesIsThatOfTheMeans) {
  FeatureStatistics a = statistics_of(side("full", "real")), b = a;
  b.mean[3] += 3;
  b.mean[7] -= 4;
  EXPECT_NEAR(frechet_distance(a, b), 25, 1e-10);
}

TEST(FrechetDistance, OfPointsIsThatOfTheMeans) {
  EXPECT_DOUBLE_EQ(frechet_distance(gaussian({1, 1}, {0, 0, 0, 0}), gaussian({4, 5}, {2, 0, 0, 1})), 25 + 3);
  EXPECT_DOUBLE_EQ(frechet_distance(gaussian({1}, {0}), gaussian({1}, {0})), 0);
}

TEST(FrechetDistance, RefusesWhatIsNotComparable) {
  EXPECT_THAT(input_error([] {
                frechet_distance(gaussian({1}, {1}), gaussian({1, 2}, {1, 0, 0, 1}));
              }),
              HasSubstr("statistics of 1 and of 2 features"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(input_error([&] { frechet_distance(gaussian({1}, {1}), gaussian({1}, {nan})); }),
              HasSubstr("the second statistics hold values that are not finite"));
  EXPECT_THAT(input_error([&] {
                frechet_distance(gaussian({1, 1}, {1, 2, 2, 1}), gaussian({1, 1}, {1, 0, 0, 1}));
              }),
              AllOf(HasSubstr("first covariance"), HasSubstr("eigenvalue of -1")));
}

// k(x, y) summed pair by pair.
double mean_kernel(const Features& x, const Features& y, bool distinct) {
  double sum = 0;
  int pairs = 0;
  for (std::int64_t i = 0; i < x.count; ++i)
    for (std::int64_t j = 0; j < y.count; ++j) {
      if (distinct && i == j) continue;
      double product = 0;
      for (int k = 0; k < x.dimensions; ++k)
        product += static_cast<double>(x.features[static_cast<std::size_t>(i * x.dimensions + k)]) *
                   static_cast<double>(y.features[static_cast<std::size_t>(j * x.dimensions + k)]);
      sum += std::pow(product / x.dimensions + 1, 3);
      ++pairs;
    }
  return sum / pairs;
}

TEST(KernelDistance, OfWholeSetsOverSeveralBlocksIsTheSumOverPairs) {
  const Features x = features_of(600, 5, noise(600 * 5, 1)), y = features_of(600, 5, noise(600 * 5, 2));
  const MeanDeviation distance = kernel_distance(x, y, {1, 600, 9});
  const double expected = mean_kernel(x, x, true) + mean_kernel(y, y, true) - 2 * mean_kernel(x, y, false);
  EXPECT_NEAR(distance.mean, expected, 1e-12);
  EXPECT_EQ(distance.deviation, 0);
}

// By every pair's distance, over more rows than a block has.
TEST(PrecisionAndRecall, OverSeveralBlocksIsThatOfEveryPair) {
  const Features x = features_of(530, 3, noise(530 * 3, 3));
  Features y = features_of(300, 3, noise(300 * 3, 4));
  for (float& value : y.features) value *= 0.5f;
  const auto squared = [](const Features& a, std::int64_t i, const Features& b, std::int64_t j) {
    double sum = 0;
    for (int k = 0; k < 3; ++k)
      sum += std::pow(static_cast<double>(a.features[static_cast<std::size_t>(i * 3 + k)]) -
                          static_cast<double>(b.features[static_cast<std::size_t>(j * 3 + k)]),
                      2);
    return sum;
  };
  const auto share_inside = [&](const Features& tested, const Features& manifold, std::size_t k) {
    std::vector<double> radii;
    for (std::int64_t i = 0; i < manifold.count; ++i) {
      std::vector<double> all;
      for (std::int64_t j = 0; j < manifold.count; ++j) all.push_back(squared(manifold, i, manifold, j));
      std::sort(all.begin(), all.end());
      radii.push_back(all[k]);  // all[0] is the image itself
    }
    double inside = 0;
    for (std::int64_t i = 0; i < tested.count; ++i) {
      bool found = false;
      for (std::int64_t j = 0; j < manifold.count && !found; ++j)
        found = squared(tested, i, manifold, j) <= radii[static_cast<std::size_t>(j)];
      inside += found;
    }
    return inside / static_cast<double>(tested.count);
  };
  const PrecisionRecall result = precision_recall(x, y, 2);
  EXPECT_DOUBLE_EQ(result.precision, share_inside(x, y, 2));
  EXPECT_DOUBLE_EQ(result.recall, share_inside(y, x, 2));
  EXPECT_GT(result.recall, result.precision);
}

TEST(PrecisionAndRecall, OfCopiesIsOne) {
  // Far from the origin, so that squares cancel; every image thrice, so that radii are 0.
  std::vector<float> values;
  for (int i = 0; i < 40; ++i)
    for (int copy = 0; copy < 3; ++copy)
      for (int k = 0; k < 4; ++k)
        values.push_back(1000.1f + 0.37f * static_cast<float>((i * 7 + k * k) % 41));
  const Features x = features_of(120, 4, values);
  const PrecisionRecall result = precision_recall(x, x, 2);
  EXPECT_EQ(result.precision, 1);
  EXPECT_EQ(result.recall, 1);
}

TEST(InceptionScore, OfCertainAndEvenlySpreadLabelsIsTheirNumber) {
  Features features;
  features.count = 400;
  features.classes = 4;
  for (int i = 0; i < 400; ++i)
    for (int c = 0; c < 4; ++c) features.logits.push_back(i % 4 == c ? 1000.0f : 0.0f);
  const MeanDeviation score = inception_score(features, {1, 2020});
  EXPECT_NEAR(score.mean, 4, 1e-12);
  EXPECT_EQ(score.deviation, 0);
}

TEST(Distances, RefuseWhatTheyCannotMeasure) {
  Features x = features_of(10, 2, noise(20, 5)), y = features_of(10, 2, noise(20, 6));
  EXPECT_THAT(input_error([&] {
                kernel_distance(x, y, {2, 11, 1});
              }),
              HasSubstr("subsets of 11 images: 10 generated and 10 real ones are too few"));
  EXPECT_THAT(input_error([&] { precision_recall(x, y, 10); }), HasSubstr("11 images at least"));
  const Features wider = features_of(5, 4, noise(20, 6));
  EXPECT_THAT(input_error([&] { precision_recall(x, wider); }),
              HasSubstr("generated images have 2 features, real ones 4"));
  y.features[7] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(input_error([&] {
                kernel_distance(x, y, {2, 5, 1});
              }),
              HasSubstr("real image 3: feature 1 is inf"));
  x.classes = 2;
  x.logits = noise(20, 7);
  EXPECT_THAT(input_error([&] {
                inception_score(x, {11, 1});
              }),
              HasSubstr("10 images cannot be split into 11"));
  x.logits[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(input_error([&] {
                inception_score(x, {2, 1});
              }),
              HasSubstr("generated image 2: logit 0 is nan"));
}

}  // namespace
}  // namespace mebm::metrics
