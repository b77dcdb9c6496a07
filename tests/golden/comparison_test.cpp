// Tests of the comparison itself: it accepts what is equal, and rejects one wrong element, swapped tensors,
// and the planted bugs of a training step.

#include "tests/golden/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "tests/golden/network_fixture.h"

namespace mebm::golden {
namespace {

using engine::DType;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Measure, LargestDifferenceOverLargestValue) {
  EXPECT_DOUBLE_EQ(relative_error({1, 2, -4.5}, {1, 2, -4}), 0.125);
  EXPECT_DOUBLE_EQ(relative_error({1e-8}, {2e-8}, 1e-6), 0.01);
  EXPECT_EQ(relative_error({0, 0}, {0, 0}), 0);
  EXPECT_DOUBLE_EQ(norm_error({3, 4}, {0, 4}), 0.75);
  EXPECT_DOUBLE_EQ(norm_error({3, 0}, {0, 0}, 2), 3 / std::sqrt(8.0));
}

TEST(Measure, NothingEqualsNonFiniteOrMissingValues) {
  EXPECT_EQ(relative_error({1, kNan}, {1, 2}), kInfinity);
  EXPECT_EQ(relative_error({1, kNan}, {1, kNan}), kInfinity);
  EXPECT_EQ(relative_error({kInfinity}, {kInfinity}), kInfinity);
  EXPECT_EQ(relative_error({1}, {1, 2}), kInfinity);
  EXPECT_EQ(norm_error({1, kNan}, {1, 2}), kInfinity);
  EXPECT_EQ(norm_error({}, {1}), kInfinity);
}

TEST(Measure, ReportsNonFiniteErrors) {
  EXPECT_THAT(beyond({{"w", kNan, 0, 0, {}}}, kExactBounds), testing::HasSubstr("w: largest error nan"));
  EXPECT_THAT(beyond({{"w", 0, 0, 0, kNan}}, kExactBounds),
              testing::HasSubstr("w: zero in exact arithmetic"));
  EXPECT_EQ(beyond({{"w", 1e-9, 1e-9, 1e-9, 1e-13}}, kExactBounds), "");
}

// A tensor that the fixtures hold both whole and packed.
class Packed : public testing::Test {
 protected:
  engine::Hdf5Reader reader_{fixture_path("chain")};
  PackedSet set_{reader_, "/plain/states"};
  Values whole_ = reader_.read<double>("/plain/last_state_full", {3, 3, 32, 32});

  std::string complaint(const Values& values) const {
    return beyond({set_.error("state_5", values)}, kExactBounds);
  }
};

TEST_F(Packed, AcceptsTheTensorItself) {
  const TensorError error = set_.error("state_5", whole_);
  EXPECT_EQ(error.largest, 0);
  EXPECT_LE(error.projection, 1e-14);
  EXPECT_LE(error.norm, 1e-14);
  EXPECT_EQ(complaint(whole_), "");
}

TEST_F(Packed, RejectsOneElementOffByAMillionth) {
  for (std::size_t i = 0; i < whole_.size(); i += 97) {
    Values off = whole_;
    off[i] += 1e-6 * largest_magnitude(whole_);
    EXPECT_THAT(complaint(off), testing::StartsWith("state_5: ")) << "element " << i;
  }
}

TEST_F(Packed, RejectsExchangedImagesAndOtherStates) {
  Values rotated = whole_;
  std::rotate(rotated.begin(), rotated.begin() + 3072, rotated.end());
  EXPECT_NE(complaint(rotated), "");
  EXPECT_NE(beyond({set_.error("state_4", whole_)}, kExactBounds), "");
}

TEST_F(Packed, EstimatesTheNormOfADifference) {
  Values off = whole_, difference(whole_.size());
  for (std::size_t i = 0; i < off.size(); ++i) {
    difference[i] = 0.01 * std::sin(static_cast<double>(i * i));
    off[i] += difference[i];
  }
  const double exact = norm_error(off, whole_);
  EXPECT_NEAR(set_.error("state_5", off).norm, exact, 0.5 * exact);
}

TEST_F(Packed, NamesWhatOnlyOneSideHas) {
  NamedValues computed = {{"state_5", whole_}, {"state_6", whole_}};
  try {
    set_.errors(computed);
    FAIL() << "nothing thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("not in the fixture: state_6;"));
    EXPECT_THAT(e.what(), testing::HasSubstr("not computed: state_0 state_1 state_2 state_3 state_4"));
  }
  EXPECT_THROW(set_.error("state_5", Values(100)), std::runtime_error);
}

// One M-JEM step with a bug planted in it.
class PlantedBugs : public testing::Test {
 protected:
  NetworkFixture fixture_{"wrn10_1_batch", DType::fp64, 0.2};
  std::string at_ = fixture_.expected("mjem");
  Objective objective_ = read_objective(fixture_.reader, at_);
  ObjectiveInputs inputs_ = objective_inputs(fixture_);

  std::string gradient_complaint() {
    return beyond(PackedSet(fixture_.reader, at_ + "/gradient").errors(gradients(*fixture_.model)),
                  kExactBounds);
  }
  std::string statistics_complaint() {
    return beyond(PackedSet(fixture_.reader, at_ + "/buffers").errors(buffers(*fixture_.model)),
                  kExactBounds);
  }
};

TEST_F(PlantedBugs, StatisticsFoldedInAnotherOrder) {
  run_objective(fixture_, objective_, inputs_,
                [](ebm::TrainingRows& rows) { std::swap(rows.pass.slots[0], rows.pass.slots[1]); });
  EXPECT_EQ(gradient_complaint(), "");
  const std::string complaint = statistics_complaint();
  for (const char* layer : {"f.layer1.0.bn1", "f.layer2.0.bn2", "f.bn1"})
    EXPECT_THAT(complaint, testing::HasSubstr(std::string(layer) + ".running_mean: largest error"));
}

TEST_F(PlantedBugs, OneSetOfStatisticsForTheWholeBatch) {
  run_objective(fixture_, objective_, inputs_, [](ebm::TrainingRows& rows) {
    rows.pass = models::Pass::single(rows.pass.groups.rows(), true, 0);
    rows.slots = 1;
  });
  EXPECT_THAT(gradient_complaint(), testing::HasSubstr("f.conv1.weight: largest error"));
  EXPECT_THAT(statistics_complaint(), testing::HasSubstr("f.bn1.num_batches_tracked: largest error"));
}

TEST_F(PlantedBugs, AnotherFormOfTheL2Term) {
  objective_.l2_form = "means";
  const ObjectiveResult result = run_objective(fixture_, objective_, inputs_);
  EXPECT_GT(std::abs(result.loss - fixture_.reader.attribute_double(at_, "loss")), 1e-6);
  EXPECT_THAT(gradient_complaint(), testing::HasSubstr("energy_output.weight: largest error"));
  EXPECT_EQ(statistics_complaint(), "");
}

TEST_F(PlantedBugs, OneGradientElementOffByAMillionth) {
  run_objective(fixture_, objective_, inputs_);
  ASSERT_EQ(gradient_complaint(), "");
  const PackedSet stored(fixture_.reader, at_ + "/gradient");
  for (const auto& [name, values] : gradients(*fixture_.model)) {
    Values off = values;
    off[off.size() / 2] += 1e-6 * std::max(largest_magnitude(values), kFloor * stored.scale());
    EXPECT_NE(beyond({stored.error(name, off)}, kExactBounds), "") << name;
  }
}

}  // namespace
}  // namespace mebm::golden
