// What an iteration asks for, against the count of multiply-adds that a network of these sizes has.
#include <gtest/gtest.h>

#include "measure/step.h"
#include "models/wide_resnet.h"

namespace mebm::testing {
namespace {

using measure::StepOptions;

// Multiply-adds of one image's way through the network, the first convolution's apart.
struct Count {
  double first = 0, rest = 0;
  double all() const { return first + rest; }
};

Count network(int depth, int width, int size) {
  Count count;
  double side = size, channels = 16;
  count.first = side * side * 16 * 3 * 9;
  for (int stage = 0; stage < (size >= 64 ? 4 : 3); ++stage)
    for (int block = 0; block < (depth - 4) / 6; ++block) {
      const double wide = 16 * width << stage;
      count.rest += side * side * channels * wide * 9;  // the first convolution of a block keeps the side
      const bool halves = stage > 0 && block == 0;
      if (halves) side /= 2;
      count.rest += side * side * wide * wide * 9;
      if (halves || channels != wide) count.rest += side * side * channels * wide;
      channels = wide;
    }
  return count;
}

// Forward and back to the image in each step of each chain; forward, back to images and weights for every
// image trained on, where the gradient of the image itself is not wanted.
double iteration(const Count& count, int k, double batch, double labelled) {
  const double trained = 2 * batch + labelled;
  return 2 * k * batch * count.all() + 3 * trained * count.all() - trained * count.first;
}

double multiply_adds_of(const StepOptions& options) {
  measure::TrainingStep step(options);
  step.run(1);
  return measure::total_multiply_adds(step.convolutions());
}

StepOptions small(int k, int batch, int labelled) {
  StepOptions options;
  options.depth = 10;
  options.width = 2;
  options.size = 16;
  options.k = k;
  options.batch = batch;
  options.labelled = labelled;
  return options;
}

TEST(Convolutions, AnIterationOfMEbmAsksForAllOfThem) {
  const Count count = network(10, 2, 16);
  EXPECT_EQ(multiply_adds_of(small(0, 2, 0)), iteration(count, 0, 2, 0));
  EXPECT_EQ(multiply_adds_of(small(3, 2, 0)), iteration(count, 3, 2, 0));
}

TEST(Convolutions, AnIterationOfMJemAsksForAllOfThem) {
  EXPECT_EQ(multiply_adds_of(small(2, 2, 5)), iteration(network(10, 2, 16), 2, 2, 5));
}

TEST(Convolutions, AFourthStageIsCounted) {
  StepOptions options = small(1, 1, 0);
  options.width = 1;
  options.size = 64;
  EXPECT_EQ(multiply_adds_of(options), iteration(network(10, 1, 64), 1, 1, 0));
}

TEST(Convolutions, AFormulaAndAPassOfWrn28x10HaveThePublishedCount) {
  constexpr double kPublished = 5.9511e9, kLastDigit = 0.0001e9;
  EXPECT_NEAR(network(28, 10, 32).all(), kPublished, kLastDigit);
  engine::Context context;
  autograd::Tape tape(context);
  models::WideResNet model(context, {}, engine::DType::fp32, std::nullopt);
  const auto uses = measure::convolutions_of(context, [&] {
    const autograd::NoRecording once(tape);
    model.features(tape, {context.empty({1, 3, 32, 32}, engine::DType::fp32)}, models::Pass::single(1, true));
  });
  EXPECT_NEAR(measure::total_multiply_adds(uses), kPublished, kLastDigit);
}

TEST(Convolutions, EqualCallsAreCountedTogether) {
  StepOptions options = small(3, 2, 0);
  measure::TrainingStep step(options);
  step.run(2);  // the second is not counted again
  std::int64_t forward_of_chains = 0;
  for (const measure::ConvolutionUse& use : step.convolutions()) {
    for (const measure::ConvolutionUse& other : step.convolutions())
      EXPECT_TRUE(&use == &other || !(use.call == other.call));
    if (use.call.direction == engine::ConvolutionDirection::forward && use.call.x[0] == 2)
      forward_of_chains += use.count;
  }
  // First convolution, three blocks of two, three shortcuts; three steps.
  EXPECT_EQ(forward_of_chains, 3 * (1 + 6 + 3));
}

TEST(Convolutions, TheFloorIsTheSumOfCountsTimesSeconds) {
  std::vector<measure::ConvolutionUse> uses(2);
  uses[0].count = 3;
  uses[0].seconds = 0.5;
  uses[1].count = 2;
  uses[1].seconds = 0.25;
  EXPECT_EQ(measure::floor_seconds(uses), 2.0);
}

TEST(Convolutions, EveryOneOfAnIterationRunsAlone) {
  measure::TrainingStep step(small(1, 2, 3));
  step.run(1);
  std::vector<measure::ConvolutionUse> uses = step.convolutions();
  measure::measure_alone(step.context(), uses, 1e-4);
  ASSERT_FALSE(uses.empty());
  for (const measure::ConvolutionUse& use : uses) EXPECT_GT(use.seconds, 0);
}

}  // namespace
}  // namespace mebm::testing
