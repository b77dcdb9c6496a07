// Expected calibration error against NumPy and by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "metrics/calibration.h"
#include "tests/io/test_files.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

using engine::testing::input_error;
using testing::array;
using ::testing::HasSubstr;
using testing::scores_file;

TEST(Calibration, AgreesWithNumPy) {
  for (const int classes : {10, 2, 100}) {
    const std::string group = "/calibration_" + std::to_string(classes);
    const Calibration result = calibration(array<float>(scores_file(), group + "/logits"),
                                           array<std::int32_t>(scores_file(), group + "/labels"), classes);
    EXPECT_NEAR(result.error, scores_file().attribute_double(group, "error"), 1e-12);
    EXPECT_NEAR(result.largest_error, scores_file().attribute_double(group, "largest_error"), 1e-12);
    std::vector<std::int64_t> counts;
    for (const ReliabilityBin& bin : result.bins) counts.push_back(bin.count);
    EXPECT_EQ(counts, array<std::int64_t>(scores_file(), group + "/counts"));
  }
}

TEST(Calibration, ByHand) {
  // Confidences 1/2 (equal logits: the first class), 3/4, 3/4 and 1; bins (0, 1/2] and (1/2, 1].
  const float three = std::log(3.0f);
  const std::vector<float> logits{0, 0, three, 0, 0, three, 5000, -5000};
  const Calibration result = calibration(logits, std::vector<std::int32_t>{0, 0, 0, 1}, 2, 2);
  ASSERT_EQ(result.bins.size(), 2u);
  EXPECT_EQ(result.bins[0].count, 1);
  EXPECT_DOUBLE_EQ(result.bins[0].confidence, 0.5);
  EXPECT_DOUBLE_EQ(result.bins[0].accuracy, 1);
  EXPECT_EQ(result.bins[1].count, 3);
  EXPECT_NEAR(result.bins[1].confidence, 2.5 / 3, 1e-7);
  EXPECT_DOUBLE_EQ(result.bins[1].accuracy, 1.0 / 3);
  EXPECT_NEAR(result.error, (0.5 + 1.5) / 4, 1e-7);
  EXPECT_NEAR(result.largest_error, 0.5, 1e-7);
}

TEST(Calibration, AnEmptyBinHasZeros) {
  const Calibration result = calibration(std::vector<float>{1}, std::vector<std::int32_t>{0}, 1);
  EXPECT_EQ(result.bins.size(), 15u);
  EXPECT_EQ(result.bins[14].count, 1);
  EXPECT_EQ(result.bins[3].count, 0);
  EXPECT_EQ(result.bins[3].confidence, 0);
  EXPECT_EQ(result.error, 0);
}

TEST(Calibration, RefusesBadLogitsAndLabels) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int32_t> labels{0, 1};
  EXPECT_THAT(input_error([&] {
                calibration(std::vector<float>{0, 1, 2, nan}, labels, 2);
              }),
              HasSubstr("image 1: logit 1 is nan"));
  EXPECT_THAT(input_error([&] {
                calibration(std::vector<float>{0, 1, 2}, labels, 2);
              }),
              HasSubstr("3 logits of 2 classes for 2 labels"));
  EXPECT_THAT(input_error([&] {
                calibration(std::vector<float>{0, 1}, std::vector<std::int32_t>{2}, 2);
              }),
              HasSubstr("image 0: label 2 is none of the 2 classes"));
  EXPECT_THAT(input_error([&] { calibration({}, {}, 2); }), HasSubstr("at least one image"));
}

}  // namespace
}  // namespace mebm::metrics
