// Crops: PyTorch's reflect padding by hand, and the distribution of what is drawn.
#include "data/augment.h"

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/core/error.h"

namespace mebm::data {
namespace {

// numpy.pad(arange(6), 4, mode="reflect"): 4 3 2 1 | 0 1 2 3 4 5 | 4 3 2 1.
constexpr std::array<int, 14> kReflected{4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 4, 3, 2, 1};

template <typename T>
class ApplyCrop : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(ApplyCrop, Types);

TYPED_TEST(ApplyCrop, EveryWindowMatchesPaddingByHand) {
  constexpr int kChannels = 2, kHeight = 5, kWidth = 6;
  // numpy.pad(arange(5), 4, mode="reflect").
  constexpr std::array<int, 13> kRows{4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0};
  std::vector<TypeParam> image(kChannels * kHeight * kWidth), out(image.size());
  for (int c = 0; c < kChannels; ++c)
    for (int h = 0; h < kHeight; ++h)
      for (int w = 0; w < kWidth; ++w)
        image[(c * kHeight + h) * kWidth + w] = TypeParam(100 * c + 10 * h + w);
  for (int row = 0; row <= 8; ++row)
    for (int column = 0; column <= 8; ++column)
      for (bool flip : {false, true}) {
        apply_crop(image.data(), kChannels, kHeight, kWidth, Crop{row, column, flip}, out.data());
        for (int c = 0; c < kChannels; ++c)
          for (int h = 0; h < kHeight; ++h)
            for (int w = 0; w < kWidth; ++w) {
              const int source = kReflected[column + (flip ? kWidth - 1 - w : w)];
              ASSERT_EQ(out[(c * kHeight + h) * kWidth + w],
                        TypeParam(100 * c + 10 * kRows[row + h] + source))
                  << row << ' ' << column << ' ' << flip << ' ' << c << ' ' << h << ' ' << w;
            }
      }
}

TEST(ApplyCropChecks, CentreWindowIsTheImage) {
  std::vector<float> image(3 * 32 * 32), out(image.size());
  std::iota(image.begin(), image.end(), 0.0f);
  apply_crop(image.data(), 3, 32, 32, Crop{}, out.data());
  EXPECT_EQ(out, image);
}

TEST(ApplyCropChecks, RefusesSmallImagesAndWindowsOutside) {
  std::vector<float> image(32), out(32);
  EXPECT_THROW(apply_crop(image.data(), 1, 4, 8, Crop{}, out.data()), engine::Error);
  EXPECT_THROW(apply_crop(image.data(), 1, 5, 5, Crop{9, 0, false}, out.data()), engine::Error);
  EXPECT_THROW(apply_crop(image.data(), 1, 5, 5, Crop{0, -1, false}, out.data()), engine::Error);
}

TEST(DrawCrop, IsThePhiloxWordsOfItsCounter) {
  const engine::PhiloxKey key(0x123456789abcdef0u);
  for (std::uint32_t position = 0; position < 50; ++position) {
    const auto words = engine::philox4x32_10(key, position, 0, 7u << 24, 17);
    const Crop crop = draw_crop(key, 17, position);
    EXPECT_EQ(crop.row, static_cast<int>((std::uint64_t{words.word[0]} * 9) >> 32));
    EXPECT_EQ(crop.column, static_cast<int>((std::uint64_t{words.word[1]} * 9) >> 32));
    EXPECT_EQ(crop.flip, words.word[2] >= 0x80000000u);
  }
}

// Index 0 ... 161 of a crop.
int cell(const Crop& crop) {
  return (crop.row * 9 + crop.column) * 2 + (crop.flip ? 1 : 0);
}

// Upper bound of a chi-square variable with `freedom` degrees that is exceeded with probability about 1e-5
// (normal approximation, 4.3 standard deviations).
double chi_square_bound(double freedom) {
  return freedom + 4.3 * std::sqrt(2 * freedom);
}

TEST(DrawCrop, RowsColumnsAndFlipsAreJointlyUniform) {
  const engine::PhiloxKey key(1);
  constexpr int kDraws = 128 * 500;
  std::vector<double> counts(162, 0.0);
  for (std::uint32_t iteration = 0; iteration < 500; ++iteration)
    for (std::uint32_t position = 0; position < 128; ++position)
      counts[cell(draw_crop(key, iteration, position))] += 1;
  double statistic = 0;
  for (const double count : counts)
    statistic += (count - kDraws / 162.0) * (count - kDraws / 162.0) / (kDraws / 162.0);
  EXPECT_LT(statistic, chi_square_bound(161));
  EXPECT_GT(statistic, 161 - 4.3 * std::sqrt(2 * 161.0));
}

TEST(DrawCrop, IterationsAndNeighboursAreIndependent) {
  const engine::PhiloxKey key(2);
  // Pairs (row now, row of the next iteration at the same position) and (row, row of the next position).
  std::vector<double> next_iteration(81, 0.0), next_position(81, 0.0);
  constexpr int kIterations = 400, kPositions = 100;
  for (std::uint32_t i = 0; i < kIterations; ++i)
    for (std::uint32_t p = 0; p < kPositions; ++p) {
      const int row = draw_crop(key, i, p).row;
      next_iteration[row * 9 + draw_crop(key, i + 1, p).row] += 1;
      next_position[row * 9 + draw_crop(key, i, p + 1).row] += 1;
    }
  const double expected = kIterations * kPositions / 81.0;
  double by_iteration = 0, by_position = 0;
  for (int i = 0; i < 81; ++i) {
    by_iteration += (next_iteration[i] - expected) * (next_iteration[i] - expected) / expected;
    by_position += (next_position[i] - expected) * (next_position[i] - expected) / expected;
  }
  EXPECT_LT(by_iteration, chi_square_bound(80) + 20);  // overlapping pairs are slightly overdispersed
  EXPECT_LT(by_position, chi_square_bound(80) + 20);
}

TEST(DrawCrop, SeedsDiffer) {
  int same = 0;
  for (std::uint32_t position = 0; position < 1000; ++position)
    same += cell(draw_crop(engine::PhiloxKey(1), 0, position)) ==
            cell(draw_crop(engine::PhiloxKey(2), 0, position));
  EXPECT_LT(same, 30);  // 1000/162 = 6 by chance
}

}  // namespace
}  // namespace mebm::data
