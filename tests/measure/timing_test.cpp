#include "measure/timing.h"

#include <gtest/gtest.h>

#include <array>

#include "measure/ceilings.h"

namespace mebm::testing {
namespace {

TEST(Timing, TheMedianIsTheMiddleOne) {
  EXPECT_EQ(measure::median(std::array{3.0, 1.0, 2.0}), 2);
  EXPECT_EQ(measure::median(std::array{4.0, 1.0, 3.0, 2.0}), 2.5);
  EXPECT_EQ(measure::median(std::array{7.0}), 7);
  EXPECT_THROW(measure::median({}), engine::Error);
}

TEST(Timing, SlowWorkIsCalledTwiceAfterTheCallsThatMakeItWarm) {
  engine::Context context;
  int calls = 0;
  const auto times =
      measure::seconds_of_calls(context, [&] { ++calls; }, {.stretch = 0, .stretches = 9, .seconds = 0});
  EXPECT_EQ(times.size(), 2u);
  EXPECT_EQ(calls, 2 + 2);
}

TEST(Timing, StretchesAreAsManyAsAskedFor) {
  engine::Context context;
  int calls = 0;
  const auto times =
      measure::seconds_of_calls(context, [&] { ++calls; }, {.stretch = 0, .stretches = 4, .seconds = 100});
  EXPECT_EQ(times.size(), 4u);
  EXPECT_EQ(calls, 2 + 4);
}

TEST(Rate, IsArithmeticWhereThereIsSomeElseMemory) {
  const auto arithmetic = measure::rate_of(2e12, 1e9, 0.5, 8.0, 100.0);
  ASSERT_TRUE(arithmetic);
  EXPECT_EQ(arithmetic->value, 4);
  EXPECT_EQ(arithmetic->unit, "TFLOP/s");
  EXPECT_EQ(arithmetic->share, 0.5);
  const auto memory = measure::rate_of(0, 1e9, 0.5, 8.0, 100.0);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->value, 2);
  EXPECT_EQ(memory->unit, "GB/s");
  EXPECT_EQ(memory->share, 0.02);
  EXPECT_FALSE(measure::rate_of(0, 1e9, 0.5, {}, {})->share);
  EXPECT_FALSE(measure::rate_of(0, 0, 0.5, 8.0, 100.0));
}

}  // namespace
}  // namespace mebm::testing
