// Curves stay small and lose no extreme.
#include "report/series.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mebm::report {
namespace {

TEST(Series, KeepsEveryPointOfAShortCurve) {
  Series series(4);
  for (int i = 0; i < 8; ++i) series.add(10 * i, i * i);
  ASSERT_EQ(series.buckets().size(), 8U);
  EXPECT_EQ(series.points_per_bucket(), 1);
  EXPECT_EQ(series.buckets()[3].mean(), 9);
  EXPECT_EQ(series.buckets()[3].middle_x(), 30);
  EXPECT_EQ(series.last(), 49);
  EXPECT_EQ(series.median(), (9 + 16) / 2.0);
}

TEST(Series, ALongCurveIsBoundedAndExact) {
  constexpr int kPoints = 100003, kLimit = 50;
  Series series(kLimit);
  for (int i = 0; i < kPoints; ++i) series.add(i, i == 71234 ? 1e6 : i == 5 ? -1e6 : std::sin(0.01 * i));
  EXPECT_GE(series.buckets().size(), std::size_t{kLimit});
  EXPECT_LE(series.buckets().size(), std::size_t{2 * kLimit});
  EXPECT_EQ(series.maximum(), 1e6);
  EXPECT_EQ(series.minimum(), -1e6);
  // Every bucket against a sum over its own points.
  double next = 0;
  for (const SeriesBucket& bucket : series.buckets()) {
    EXPECT_EQ(bucket.first_x, next);
    EXPECT_EQ(bucket.points, static_cast<std::int64_t>(bucket.last_x - bucket.first_x) + 1);
    double sum = 0;
    for (double i = bucket.first_x; i <= bucket.last_x; ++i)
      sum += i == 71234 ? 1e6 : i == 5 ? -1e6 : std::sin(0.01 * i);
    EXPECT_NEAR(bucket.sum, sum, 1e-6);
    next = bucket.last_x + 1;
  }
  EXPECT_EQ(next, kPoints);
}

TEST(Series, ValuesThatAreNotFiniteLeaveGaps) {
  Series series(2);
  for (const double y : {1.0, std::nan(""), 3.0, HUGE_VAL})
    series.add(static_cast<double>(series.points()), y);
  EXPECT_EQ(series.finite(), 2);
  EXPECT_EQ(series.buckets()[1].finite, 0);
  EXPECT_EQ(series.last(), 3);
  EXPECT_EQ(series.last_x(), 2);
  series.add(4, -7);  // neighbours are taken together now
  ASSERT_EQ(series.buckets().size(), 3U);
  EXPECT_EQ(series.buckets()[0].mean(), 1);
  EXPECT_EQ(series.buckets()[1].maximum, 3);
  EXPECT_EQ(series.minimum(), -7);
}

TEST(Series, EmptyHasNoFigures) {
  const Series series;
  EXPECT_EQ(series.median(), 0);
  EXPECT_EQ(series.maximum(), 0);
}

}  // namespace
}  // namespace mebm::report
