// t-SNE against scikit-learn's and NumPy's numbers for the same points (tsne_golden.py).
#include "metrics/tsne.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"

namespace mebm::metrics {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kCount = 300;
constexpr int kDimensions = 16;

std::vector<float> fixture() {
  std::vector<float> points;
  for (int i = 0; i < kCount; ++i)
    for (int d = 0; d < kDimensions; ++d) {
      const double wave =
          std::sin(0.05 * (i + 1) * (1 + d % 7)) + ((i * 7 + d) % 5 == 0 ? 2 : 0) + std::cos(i % 5 + 0.3 * d);
      points.push_back(static_cast<float>(std::nearbyint(wave * 4096) / 4096));
    }
  return points;
}

TEST(Tsne, AffinitiesAreNumPys) {
  const std::vector<float> p = tsne_affinities(fixture(), kCount, kDimensions, 30);
  ASSERT_EQ(p.size(), 300u * 300u);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(p[i * 300 + i], 0);
    for (std::size_t j = 0; j < 300; ++j) {
      ASSERT_EQ(p[i * 300 + j], p[j * 300 + i]);
      sum += static_cast<double>(p[i * 300 + j]);
      squares += static_cast<double>(p[i * 300 + j]) * static_cast<double>(p[i * 300 + j]);
    }
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_NEAR(squares / 0.00021672054, 1, 1e-4);
  EXPECT_NEAR(static_cast<double>(p[1]) / 2.41959679e-08, 1, 1e-3);
  EXPECT_NEAR(static_cast<double>(p[5]) / 0.000155830588, 1, 1e-3);
  EXPECT_NEAR(static_cast<double>(p[17 * 300 + 222]) / 2.33873971e-05, 1, 1e-3);
}

TEST(Tsne, DivergenceIsNumPys) {
  const std::vector<float> p = tsne_affinities(fixture(), kCount, kDimensions, 30);
  std::vector<double> embedding;
  for (int i = 0; i < kCount; ++i) {
    embedding.push_back(std::sin(i));
    embedding.push_back(std::cos(2 * i));
  }
  EXPECT_NEAR(tsne_divergence(p, embedding), 2.43337287, 1e-4);
}

TEST(Tsne, IsAsGoodAsScikitLearns) {
  constexpr double kScikitLearns = 0.166654;  // 1.9.1, method="exact", init="pca"
  const TsneResult result = tsne(fixture(), kCount, kDimensions);
  EXPECT_EQ(result.iterations, 1000);
  EXPECT_LE(result.divergence, 1.02 * kScikitLearns);
  EXPECT_GE(result.divergence, 0.9 * kScikitLearns);
  const std::vector<float> p = tsne_affinities(fixture(), kCount, kDimensions, 30);
  EXPECT_EQ(result.divergence, tsne_divergence(p, result.embedding));
}

TEST(Tsne, DoesNotDependOnTheThreads) {
  TsneOptions one, three;
  one.iterations = three.iterations = 300;
  three.threads = 3;
  int calls = 0;
  three.progress = [&](int iteration) { EXPECT_EQ(iteration, ++calls); };
  const TsneResult a = tsne(fixture(), kCount, kDimensions, one);
  EXPECT_EQ(a.embedding, tsne(fixture(), kCount, kDimensions, three).embedding);
  EXPECT_EQ(a.embedding, tsne(fixture(), kCount, kDimensions, one).embedding);
  EXPECT_EQ(calls, 300);
}

// Clusters far apart in feature space stay together: every point's nearest neighbour is of its cluster.
TEST(Tsne, SeparatesClusters) {
  std::vector<float> points;
  for (int i = 0; i < 120; ++i)
    for (int d = 0; d < 200; ++d)  // more features than points
      points.push_back(static_cast<float>(std::sin(1.7 * i * d + d) + (d % 3 == i % 3 ? 20 : 0)));
  TsneOptions options;
  options.perplexity = 10;
  const TsneResult result = tsne(points, 120, 200, options);
  for (std::size_t i = 0; i < 120; ++i) {
    std::size_t nearest = i;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < 120; ++j) {
      const double distance = std::hypot(result.embedding[2 * i] - result.embedding[2 * j],
                                         result.embedding[2 * i + 1] - result.embedding[2 * j + 1]);
      if (j == i || distance >= least) continue;
      least = distance;
      nearest = j;
    }
    EXPECT_EQ(nearest % 3, i % 3) << i;
  }
}

// A point twice is no reason to divide by nothing.
TEST(Tsne, TakesEqualPoints) {
  std::vector<float> points = fixture();
  for (std::size_t k = 0; k < 60 * kDimensions; ++k) points[k] = points[k % kDimensions];
  const TsneResult result = tsne(points, kCount, kDimensions);
  for (const double value : result.embedding) ASSERT_TRUE(std::isfinite(value));
  EXPECT_GT(result.divergence, 0);
}

std::string refusal(std::vector<float> points, std::int64_t count, int dimensions, double perplexity = 30) {
  TsneOptions options;
  options.perplexity = perplexity;
  try {
    tsne(points, count, dimensions, options);
  } catch (const engine::InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Tsne, RefusesWhatItCannotEmbed) {
  std::vector<float> points = fixture();
  EXPECT_THAT(refusal(std::vector<float>(62, 1.0f), 31, 2), HasSubstr("31 points with perplexity 30"));
  EXPECT_THAT(refusal(points, kCount, kDimensions, 0.5), HasSubstr("perplexity 0.5"));
  EXPECT_THAT(refusal(points, kCount * kDimensions, 1), HasSubstr("2 features and more, these have 1"));
  EXPECT_THAT(refusal(std::vector<float>(200, 1.0f), 100, 2), HasSubstr("all 100 points are equal"));
  EXPECT_THAT(refusal(std::vector<float>(40002), 20001, 2), HasSubstr("20001 points: 20000 at most"));
  points[7 * kDimensions + 3] = std::nanf("");
  EXPECT_THAT(refusal(points, kCount, kDimensions), HasSubstr("feature 3 of point 7 is nan"));
  EXPECT_THROW(tsne(points, kCount, kDimensions + 1), engine::Error);
}

}  // namespace
}  // namespace mebm::metrics
