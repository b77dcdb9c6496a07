// Batch streams and the validation split: each image once per pass, uniform and independent permutations,
// purity.
#include "data/streams.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

using engine::RandomPurpose;
using testing::HasSubstr;

std::vector<std::int64_t> sorted(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<std::int64_t> range(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), std::int64_t{0});
  return values;
}

TEST(KeyedPermutation, IsFisherYatesWithTheWordsOfItsCounter) {
  const engine::PhiloxKey key(42);
  std::vector<std::int64_t> expected = range(11);
  for (int i = 10; i > 0; --i) {
    const std::uint32_t word =
        engine::philox4x32_10(key, static_cast<std::uint32_t>(i / 4), 0, 6u << 24, 3).word[i % 4];
    std::swap(expected[i], expected[(std::uint64_t{word} * static_cast<std::uint32_t>(i + 1)) >> 32]);
  }
  EXPECT_EQ(keyed_permutation(11, key, RandomPurpose::shuffle_labelled, 3), expected);
}

TEST(KeyedPermutation, SmallAndLargeSetsArePermuted) {
  const engine::PhiloxKey key(1);
  EXPECT_TRUE(keyed_permutation(0, key, RandomPurpose::shuffle_positives, 0).empty());
  EXPECT_EQ(keyed_permutation(1, key, RandomPurpose::shuffle_positives, 0), range(1));
  EXPECT_EQ(sorted(keyed_permutation(50000, key, RandomPurpose::shuffle_positives, 9)), range(50000));
}

TEST(KeyedPermutation, AllOrdersAreEquallyLikely) {
  // 24 orders of 4 images over 12000 passes: chi-square with 23 degrees of freedom, 1e-5 quantile about 65.
  std::vector<double> counts(256, 0.0);
  constexpr int kPasses = 12000;
  for (std::uint32_t pass = 0; pass < kPasses; ++pass) {
    const auto p = keyed_permutation(4, engine::PhiloxKey(5), RandomPurpose::shuffle_positives, pass);
    counts[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]] += 1;
  }
  double statistic = 0;
  int orders = 0;
  for (const double count : counts)
    if (count > 0) {
      ++orders;
      statistic += (count - kPasses / 24.0) * (count - kPasses / 24.0) / (kPasses / 24.0);
    }
  EXPECT_EQ(orders, 24);
  EXPECT_LT(statistic, 65);
}

TEST(KeyedPermutation, EveryImageVisitsEveryPosition) {
  // Position counts of 20 images over 20000 passes: (20-1)^2 = 361 degrees of freedom.
  constexpr int kImages = 20, kPasses = 20000;
  std::vector<double> counts(kImages * kImages, 0.0);
  for (std::uint32_t pass = 0; pass < kPasses; ++pass) {
    const auto p = keyed_permutation(kImages, engine::PhiloxKey(6), RandomPurpose::shuffle_labelled, pass);
    for (int i = 0; i < kImages; ++i) counts[i * kImages + p[i]] += 1;
  }
  const double expected = double{kPasses} / kImages;
  double statistic = 0;
  for (const double count : counts) statistic += (count - expected) * (count - expected) / expected;
  EXPECT_LT(statistic, 361 + 4.3 * std::sqrt(2 * 361.0));
}

TEST(KeyedPermutation, PassesPurposesAndSeedsAreIndependent) {
  constexpr int kImages = 10000;
  const auto base = keyed_permutation(kImages, engine::PhiloxKey(1), RandomPurpose::shuffle_positives, 0);
  const auto fixed_points = [&](const std::vector<std::int64_t>& other) {
    int same = 0;
    for (int i = 0; i < kImages; ++i) same += base[i] == other[i];
    return same;
  };
  // Poisson with mean 1 for independent permutations.
  EXPECT_LT(
      fixed_points(keyed_permutation(kImages, engine::PhiloxKey(1), RandomPurpose::shuffle_positives, 1)), 9);
  EXPECT_LT(
      fixed_points(keyed_permutation(kImages, engine::PhiloxKey(1), RandomPurpose::shuffle_labelled, 0)), 9);
  EXPECT_LT(
      fixed_points(keyed_permutation(kImages, engine::PhiloxKey(2), RandomPurpose::shuffle_positives, 0)), 9);
  // Rank correlation of consecutive passes within 4.3 standard errors of 0.
  const auto next = keyed_permutation(kImages, engine::PhiloxKey(1), RandomPurpose::shuffle_positives, 1);
  double product = 0;
  for (int i = 0; i < kImages; ++i) product += (base[i] - 4999.5) * (next[i] - 4999.5);
  const double variance = (double{kImages} * kImages - 1) / 12;
  EXPECT_LT(std::abs(product / kImages / variance), 4.3 / std::sqrt(double{kImages}));
}

TEST(BatchStream, APassTakesEachImageOnceAndDropsTheTail) {
  BatchStream stream(103, 10, 7, RandomPurpose::shuffle_positives);
  EXPECT_EQ(stream.batches_per_pass(), 10);
  std::set<std::vector<std::int64_t>> orders;
  for (int pass = 0; pass < 3; ++pass) {
    std::vector<std::int64_t> seen;
    for (int i = 0; i < 10; ++i) {
      const auto batch = stream.indices(pass * 10 + i);
      ASSERT_EQ(batch.size(), 10u);
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    EXPECT_TRUE(orders.insert(seen).second) << "pass " << pass << " repeats an earlier order";
    const std::set<std::int64_t> distinct(seen.begin(), seen.end());
    EXPECT_EQ(distinct.size(), 100u);
    EXPECT_GE(*distinct.begin(), 0);
    EXPECT_LT(*distinct.rbegin(), 103);
  }
}

TEST(BatchStream, IsAPureFunctionOfTheIteration) {
  BatchStream straight(57, 8, 3, RandomPurpose::shuffle_labelled),
      jumping(57, 8, 3, RandomPurpose::shuffle_labelled);
  std::vector<std::vector<std::int64_t>> batches;
  for (int i = 0; i < 40; ++i) batches.push_back(straight.indices(i));
  for (int i : {39, 0, 22, 21, 7, 6, 38, 13}) EXPECT_EQ(jumping.indices(i), batches[i]) << i;
}

TEST(BatchStream, ABatchAsLargeAsTheSetTakesEveryImageOnce) {
  BatchStream stream(12, 12, 3, RandomPurpose::shuffle_positives);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sorted(stream.indices(i)), range(12));
  EXPECT_NE(stream.indices(0), stream.indices(1));
}

TEST(BatchStream, DrawsFromTheImagesItIsGiven) {
  BatchStream stream({5, 7, 11, 13}, 2, 3, RandomPurpose::shuffle_positives);
  auto pass = stream.indices(0);
  const auto rest = stream.indices(1);
  pass.insert(pass.end(), rest.begin(), rest.end());
  EXPECT_THAT(pass, testing::UnorderedElementsAre(5, 7, 11, 13));
}

TEST(BatchStream, RefusesABatchLargerThanTheSetNamingBoth) {
  const std::string message =
      test::input_error([] { BatchStream(60, 64, 1, RandomPurpose::shuffle_positives); });
  EXPECT_THAT(message, HasSubstr("a batch of 64 images is larger than the data set of 60"));
  EXPECT_THAT(test::input_error([] { BatchStream(60, 0, 1, RandomPurpose::shuffle_positives); }),
              HasSubstr("batch of 0 images"));
}

TEST(ValidationSplit, PartitionsTheSetAndFollowsTheSeed) {
  const ValidationSplit split = split_validation(1000, 100, 1);
  EXPECT_EQ(split.validation.size(), 100u);
  std::vector<std::int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  EXPECT_EQ(sorted(all), range(1000));
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
  EXPECT_EQ(split_validation(1000, 100, 1).validation, split.validation);
  EXPECT_NE(split_validation(1000, 100, 2).validation, split.validation);
  EXPECT_EQ(split_validation(1000, 0, 1).train, range(1000));
}

TEST(ValidationSplit, RefusesToTakeEverything) {
  EXPECT_THAT(test::input_error([] { split_validation(1000, 1000, 1); }),
              HasSubstr("a validation split of 1000 out of 1000 training images: it must be 0 ... 999"));
  EXPECT_THAT(test::input_error([] { split_validation(1000, -1, 1); }), HasSubstr("validation split of -1"));
}

}  // namespace
}  // namespace mebm::data
