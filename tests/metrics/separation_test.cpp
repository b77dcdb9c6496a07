// AUROC, average precision and false positives against scikit-learn, and by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "metrics/ood.h"
#include "tests/io/test_files.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using engine::testing::input_error;
using testing::array;
using ::testing::HasSubstr;
using testing::scores_file;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class AgainstScikitLearn : public ::testing::TestWithParam<const char*> {};

TEST_P(AgainstScikitLearn, Separation) {
  const std::string group = std::string("/") + GetParam();
  const Separation result =
      separation(array<double>(scores_file(), group + "/in"), array<double>(scores_file(), group + "/out"));
  EXPECT_NEAR(result.auroc, scores_file().attribute_double(group, "auroc"), 1e-12);
  EXPECT_NEAR(result.aupr_in, scores_file().attribute_double(group, "aupr_in"), 1e-12);
  EXPECT_NEAR(result.aupr_out, scores_file().attribute_double(group, "aupr_out"), 1e-12);
  EXPECT_NEAR(result.fpr_at_95, scores_file().attribute_double(group, "fpr_at_95"), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Cases, AgainstScikitLearn, ::testing::Values("smooth", "ties", "equal", "reversed"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(Separation, ByHandWithInfinitiesAndTies) {
  // Of 3 x 4 pairs: inf beats all but the other inf (3.5), 2 beats -inf and 1 and ties with 2 (2.5), -inf
  // ties with -inf (0.5).
  const std::vector<double> in{2, kInfinity, -kInfinity}, out{-kInfinity, kInfinity, 1, 2};
  const Separation result = separation(in, out);
  EXPECT_DOUBLE_EQ(result.auroc, (3.5 + 2.5 + 0.5) / 12);
  EXPECT_DOUBLE_EQ(result.fpr_at_95, 1);
  // Downwards, in and out: (1, 1) at inf, (2, 2) at 2, (2, 3) at 1, (3, 4) at -inf.
  EXPECT_DOUBLE_EQ(result.aupr_in, (1.0 / 2 + 2.0 / 4 + 3.0 / 7) / 3);
  // Upwards, out and in: (1, 1), (2, 1), (3, 2), (4, 3).
  EXPECT_DOUBLE_EQ(result.aupr_out, (1.0 / 2 + 2.0 / 3 + 3.0 / 5 + 4.0 / 7) / 4);
}

TEST(Separation, KeepsNinetyFivePercent) {
  std::vector<double> in;
  for (int i = 1; i <= 20; ++i) in.push_back(i);
  // 19 of 20 are kept by the threshold 2; 1.5 is below it.
  EXPECT_DOUBLE_EQ(separation(in, std::vector<double>{1.5, 2.5, 30, 0}).fpr_at_95, 0.5);
  EXPECT_DOUBLE_EQ(separation(std::vector<double>{5, 6}, std::vector<double>{5, 4}).fpr_at_95, 0.5);
}

TEST(Separation, RefusesNothingAndNotANumber) {
  EXPECT_THAT(input_error([] { separation({}, std::vector<double>{1}); }), HasSubstr("no \"in\" scores"));
  EXPECT_THAT(input_error([] { separation(std::vector<double>{1}, {}); }), HasSubstr("no \"out\" scores"));
  EXPECT_THAT(input_error([] {
                separation(std::vector<double>{1}, std::vector<double>{1, std::nan("")});
              }),
              HasSubstr("\"out\" score 1 is not a number"));
}

}  // namespace
}  // namespace mebm::metrics
