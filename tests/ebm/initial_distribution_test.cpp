// p0: moments against naive double computation, draws against the covariance they should have.

#include "ebm/initial_distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "tests/reference/test_data.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using engine::Tensor;
using reference::Values;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

data::ImageSet byte_images(int count, int channels, int height, int width) {
  data::ImageSet set;
  set.channels = channels;
  set.height = set.original_height = height;
  set.width = set.original_width = width;
  for (double v :
       reference::random_values(static_cast<std::size_t>(count * channels * height * width), 1, 0, 256))
    set.pixels.push_back(static_cast<std::uint8_t>(v));
  return set;
}

std::vector<std::int64_t> first_indices(std::int64_t count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), std::int64_t{0});
  return out;
}

Values draw_values(const InitialDistribution& p0, engine::Context& context, const DrawKey& key,
                   const std::vector<std::uint32_t>& slots, bool clamp, DType dtype = DType::fp64) {
  const ImageShape shape = p0.image_shape();
  Tensor out = context.empty(
      {static_cast<std::int64_t>(slots.size()), shape.channels, shape.height, shape.width}, dtype);
  p0.draw(key, slots, clamp, out);
  Values values(static_cast<std::size_t>(out.elements()));
  engine::ops::read(out, values);
  return values;
}

// Bytes: the sums are exact integers, so mean and covariance are the exact ones to the last roundings.
TEST(FitGaussian, ByteMomentsMatchExactSums) {
  engine::Context context;
  const data::ImageSet images = byte_images(2100, 3, 2, 3);  // more than two chunks
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < 2100; ++i)
    if (i % 7 != 3) indices.push_back(i * 11 % 2100);
  std::vector<double> covariance;
  const GaussianMoments moments = fit_gaussian(context, images, indices, 1e-4, &covariance);
  EXPECT_EQ(moments.count, static_cast<std::int64_t>(indices.size()));
  EXPECT_EQ(moments.shape, (ImageShape{3, 2, 3}));
  const auto n = static_cast<std::int64_t>(indices.size());
  for (int i = 0; i < 18; ++i) {
    std::int64_t sum = 0;
    for (std::int64_t r : indices) sum += images.pixels[static_cast<std::size_t>(r * 18 + i)];
    EXPECT_NEAR(moments.mean[static_cast<std::size_t>(i)],
                static_cast<double>(sum) / static_cast<double>(n) / 127.5 - 1, 1e-15);
    for (int j = 0; j < 18; ++j) {
      std::int64_t other = 0, product = 0;
      for (std::int64_t r : indices) {
        const int a = images.pixels[static_cast<std::size_t>(r * 18 + i)],
                  b = images.pixels[static_cast<std::size_t>(r * 18 + j)];
        other += b;
        product += a * b;
      }
      // (n sum ab - sum a sum b) / n^2 in integers, then scaled.
      const double exact = static_cast<double>(n * product - sum * other) /
                           (static_cast<double>(n) * static_cast<double>(n)) / (127.5 * 127.5);
      EXPECT_NEAR(covariance[static_cast<std::size_t>(i * 18 + j)], exact, 1e-14);
    }
  }
  Values jittered = covariance;
  for (std::size_t i = 0; i < 18; ++i) jittered[i * 18 + i] += 1e-4;
  EXPECT_TRUE(reference::within(moments.factor, reference::cholesky(18, jittered), 1e-12));
}

// The order of the images does not change a bit.
TEST(FitGaussian, BytesAreIndependentOfOrder) {
  engine::Context context;
  const data::ImageSet images = byte_images(1500, 1, 3, 3);
  std::vector<std::int64_t> indices = first_indices(1500);
  const GaussianMoments forward = fit_gaussian(context, images, indices, 1e-4);
  std::reverse(indices.begin(), indices.end());
  const GaussianMoments backward = fit_gaussian(context, images, indices, 1e-4);
  EXPECT_EQ(forward.mean, backward.mean);
  EXPECT_EQ(forward.factor, backward.factor);
}

TEST(FitGaussian, FloatMomentsMatchNaiveComputation) {
  engine::Context context;
  data::ImageSet images;
  images.channels = 1;
  images.height = images.width = images.original_height = images.original_width = 3;
  const Values values = reference::random_values(1300 * 9, 3);
  images.values.assign(values.begin(), values.end());
  std::vector<double> covariance;
  const GaussianMoments moments = fit_gaussian(context, images, first_indices(1300), 1e-3, &covariance);
  Values mean, expected;
  reference::moments(1300, 9, values, mean, expected);
  EXPECT_TRUE(reference::within(moments.mean, mean, 1e-14));
  EXPECT_TRUE(reference::within(covariance, expected, 1e-14));
}

TEST(FitGaussian, IdenticalImagesNeedTheJitter) {
  engine::Context context;
  data::ImageSet images = byte_images(1, 1, 2, 2);
  const std::vector<std::int64_t> one{0};
  const GaussianMoments moments = fit_gaussian(context, images, one, 1e-4);
  EXPECT_NEAR(moments.factor[0], 0.01, 1e-12);
  EXPECT_THAT(
      [&] { fit_gaussian(context, images, one, 0); },
      ThrowsMessage<engine::Error>(HasSubstr("not positive definite (row 0 of 4); raise init.jitter")));
}

class Draws : public ::testing::Test {
 protected:
  static constexpr int kDimension = 6;

  Draws() {
    // Correlated pixels: each is its own noise plus its neighbour's.
    data::ImageSet images = byte_images(400, 1, 2, 3);
    for (std::size_t i = 1; i < images.pixels.size(); ++i)
      images.pixels[i] = static_cast<std::uint8_t>((images.pixels[i] + images.pixels[i - 1]) / 2);
    GaussianMoments moments = fit_gaussian(context_, images, first_indices(400), 1e-4, &covariance_);
    for (int i = 0; i < kDimension; ++i) covariance_[static_cast<std::size_t>(i * kDimension + i)] += 1e-4;
    mean_ = moments.mean;
    p0_ = std::make_unique<GaussianInitialDistribution>(context_, std::move(moments), DType::fp64);
  }

  engine::Context context_;
  std::vector<double> covariance_, mean_;
  std::unique_ptr<GaussianInitialDistribution> p0_;
  const DrawKey key_{engine::PhiloxKey(3), engine::RandomPurpose::initial_draw, 12};
};

// Mean: standard error sqrt(S_ii / n); covariance: sqrt((S_ii S_jj + S_ij^2) / n). 27 numbers within 4.
TEST_F(Draws, HaveTheMeanAndCovariance) {
  constexpr int kCount = 20000;
  std::vector<std::uint32_t> slots(kCount);
  std::iota(slots.begin(), slots.end(), 0u);
  const Values draws = draw_values(*p0_, context_, key_, slots, false);
  Values mean, covariance;
  reference::moments(kCount, kDimension, draws, mean, covariance);
  const auto s = [&](int i, int j) { return covariance_[static_cast<std::size_t>(i * kDimension + j)]; };
  double worst = 0;
  for (int i = 0; i < kDimension; ++i) {
    const auto at = static_cast<std::size_t>(i);
    worst = std::max(worst, std::abs(mean[at] - mean_[at]) / std::sqrt(s(i, i) / kCount));
    for (int j = 0; j < kDimension; ++j)
      worst = std::max(worst, std::abs(covariance[static_cast<std::size_t>(i * kDimension + j)] - s(i, j)) /
                                  std::sqrt((s(i, i) * s(j, j) + s(i, j) * s(i, j)) / kCount));
  }
  EXPECT_LE(worst, 4);
  EXPECT_GT(std::abs(s(0, 1)), 20 * std::sqrt(s(0, 0) * s(1, 1) / kCount))
      << "the correlation must be visible";
}

TEST_F(Draws, DoNotDependOnOtherSlots) {
  std::vector<std::uint32_t> many(300);  // more than one chunk of draws
  for (std::uint32_t i = 0; i < 300; ++i) many[i] = 3 * i + 1;
  const Values together = draw_values(*p0_, context_, key_, many, true);
  for (std::size_t r : {0u, 7u, 255u, 256u, 299u}) {
    const Values alone = draw_values(*p0_, context_, key_, {many[r]}, true);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                           together.begin() + static_cast<std::ptrdiff_t>(r * kDimension)));
  }
}

// mean + L z with the oracle's normals; other iterations, purposes and seeds give other draws.
TEST_F(Draws, AreTheFormulaOfTheKeyedNormals) {
  const Values l = reference::cholesky(kDimension, covariance_);
  const Values actual = draw_values(*p0_, context_, key_, {41}, false);
  Values expected(mean_);
  for (std::uint32_t i = 0; i < kDimension; ++i)
    for (std::uint32_t j = 0; j <= i; ++j)
      expected[i] +=
          l[i * kDimension + j] *
          reference::normal(3, static_cast<std::uint32_t>(engine::RandomPurpose::initial_draw), 12, 41, 0, j);
  EXPECT_TRUE(reference::within(actual, expected, 1e-12));
  DrawKey other = key_;
  other.iteration = 13;
  EXPECT_NE(draw_values(*p0_, context_, other, {41}, false), actual);
  other = key_;
  other.purpose = engine::RandomPurpose::buffer_fill;
  EXPECT_NE(draw_values(*p0_, context_, other, {41}, false), actual);
}

TEST_F(Draws, ClampIsAppliedAfterwards) {
  std::vector<std::uint32_t> slots(2000);
  std::iota(slots.begin(), slots.end(), 0u);
  const Values raw = draw_values(*p0_, context_, key_, slots, false),
               clamped = draw_values(*p0_, context_, key_, slots, true);
  int at_bound = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    EXPECT_EQ(clamped[i], std::clamp(raw[i], -1.0, 1.0));
    at_bound += std::abs(raw[i]) > 1;
  }
  EXPECT_GT(at_bound, 0);
}

TEST_F(Draws, RefuseAnOutputThatDoesNotFit) {
  Tensor out = context_.empty({2, 1, 2, 3}, DType::fp64);
  const std::vector<std::uint32_t> slots{1};
  EXPECT_THAT([&] { p0_->draw(key_, slots, true, out); },
              ThrowsMessage<engine::Error>(HasSubstr("[2, 1, 2, 3] does not hold 1 images of 1x2x3")));
}

TEST(UniformStart, MomentsRangeAndIndependenceOfSlots) {
  engine::Context context;
  const UniformInitialDistribution p0(context, {3, 5, 5});
  EXPECT_EQ(p0.kind(), "uniform");
  std::vector<std::uint32_t> slots(400);
  std::iota(slots.begin(), slots.end(), 0u);
  const DrawKey key{engine::PhiloxKey(8), engine::RandomPurpose::buffer_fill, 0};
  const Values draws = draw_values(p0, context, key, slots, true);
  const double n = static_cast<double>(draws.size());
  double mean = 0, square = 0, fourth = 0;
  for (double v : draws) {
    EXPECT_LT(std::abs(v), 1);
    mean += v / n;
    square += v * v / n;
    fourth += v * v * v * v / n;
  }
  EXPECT_NEAR(mean, 0, 4 * std::sqrt(1.0 / 3 / n));
  EXPECT_NEAR(square, 1.0 / 3, 4 * std::sqrt((1.0 / 5 - 1.0 / 9) / n));
  EXPECT_NEAR(fourth, 1.0 / 5, 4 * std::sqrt((1.0 / 9 - 1.0 / 25) / n));
  const Values alone = draw_values(p0, context, key, {399}, true);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), draws.end() - 75));
}

}  // namespace
}  // namespace mebm::ebm
