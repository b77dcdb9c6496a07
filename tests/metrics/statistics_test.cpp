// Streamed means and covariances against NumPy's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/io/test_files.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using engine::testing::input_error;
using engine::testing::run_error;
using testing::array;
using testing::distances_file;
using testing::features_of;
using ::testing::HasSubstr;
using testing::noise;
using testing::side;

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

Features part(const Features& all, std::int64_t first, std::int64_t count) {
  const auto begin = all.features.begin() + first * all.dimensions;
  return features_of(count, all.dimensions, {begin, begin + count * all.dimensions});
}

TEST(Statistics, AreNumPys) {
  for (const std::string name : {"full", "few", "few_and_many", "decaying", "constant"}) {
    const FeatureStatistics statistics = testing::statistics_of(side(name, "generated"));
    EXPECT_EQ(statistics.count, side(name, "generated").count);
    expect_near(statistics.mean, array<double>(distances_file(), "/" + name + "/mean"), 1e-13);
    expect_near(statistics.covariance, array<double>(distances_file(), "/" + name + "/covariance"), 1e-13);
  }
}

TEST(Statistics, DoNotDependOnBatches) {
  const Features all = side("full", "generated");
  StatisticsAccumulator accumulator(all.dimensions);
  accumulator.add(part(all, 0, 1));
  accumulator.add(part(all, 1, 150));
  accumulator.add(part(all, 151, 0));
  accumulator.add(part(all, 151, 69));
  const FeatureStatistics statistics = accumulator.finish();
  EXPECT_EQ(statistics.count, 220);
  expect_near(statistics.mean, array<double>(distances_file(), "/full/mean"), 1e-13);
  expect_near(statistics.covariance, array<double>(distances_file(), "/full/covariance"), 1e-12);
}

// More features than a block has and more images than are copied at once; large means beside small
// deviations.
TEST(Statistics, OverSeveralBlocksDoNotCancel) {
  constexpr int kImages = 700, kFeatures = 300;
  std::vector<float> values = noise(std::size_t{kImages} * kFeatures, 1);
  for (float& value : values) value = 1000 + value * 0.0625f;
  const FeatureStatistics statistics = testing::statistics_of(features_of(kImages, kFeatures, values));
  const auto at = [&](int image, int feature) {
    return static_cast<double>(values[static_cast<std::size_t>(image * kFeatures + feature)]) - 1000;
  };
  for (const auto& [i, j] :
       std::vector<std::pair<int, int>>{{0, 0}, {0, 299}, {299, 0}, {255, 256}, {256, 255}, {280, 3}}) {
    double mean_i = 0, mean_j = 0, product = 0;
    for (int n = 0; n < kImages; ++n) {
      mean_i += at(n, i) / kImages;
      mean_j += at(n, j) / kImages;
    }
    for (int n = 0; n < kImages; ++n) product += (at(n, i) - mean_i) * (at(n, j) - mean_j);
    const double got = statistics.covariance[static_cast<std::size_t>(i * kFeatures + j)];
    EXPECT_NEAR(got, product / (kImages - 1), 1e-15) << i << " " << j;
    EXPECT_NEAR(statistics.mean[static_cast<std::size_t>(i)], 1000 + mean_i, 1e-12);
  }
}

TEST(Statistics, RefuseFeaturesThatAreNotFiniteOrOther) {
  StatisticsAccumulator accumulator(2);
  accumulator.add(features_of(3, 2, {1, 2, 3, 4, 5, 6}));
  EXPECT_THAT(run_error([&] {
                accumulator.add(features_of(2, 2, {1, 2, 3, std::numeric_limits<float>::infinity()}));
              }),
              HasSubstr("image 4: feature 1 is inf"));
  EXPECT_THAT(run_error([&] {
                accumulator.add(features_of(2, 3, {1, 2, 3, 4, 5, 6}));
              }),
              HasSubstr("2 images of 3 features; 2 features each were expected"));
  EXPECT_EQ(accumulator.finish().count, 3);  // refused batches count for nothing
}

TEST(Statistics, NeedTwoImages) {
  StatisticsAccumulator accumulator(2);
  EXPECT_THAT(input_error([&] { accumulator.finish(); }), HasSubstr("0 images: a covariance needs two"));
  accumulator.add(features_of(1, 2, {1, 2}));
  EXPECT_THAT(input_error([&] { accumulator.finish(); }), HasSubstr("1 images"));
}

}  // namespace
}  // namespace mebm::metrics
