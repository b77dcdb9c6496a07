// What is measured on a device: iterations that run as a graph, the convolutions they are made of, and single
// ops.

#include <gtest/gtest.h>

#include "engine/device/accelerator.h"
#include "measure/comparison.h"
#include "selftest/measure_cases.h"

namespace mebm::test {
namespace {

engine::ContextOptions device(bool bf16) {
  engine::ContextOptions options;
  options.device = {engine::DeviceKind::cuda, 0};
  options.bf16_features = bf16;
  return options;
}

measure::StepOptions small(const engine::ContextOptions& context, const char* precision) {
  measure::StepOptions options;
  options.depth = 10;
  options.width = 1;
  options.size = 8;
  options.k = 2;
  options.batch = 2;
  options.labelled = 3;
  options.precision = precision;
  options.context = context;
  return options;
}

double multiply_adds(const measure::StepOptions& options) {
  measure::TrainingStep step(options);
  step.run(1);
  return measure::total_multiply_adds(step.convolutions());
}

// The same network asks for the same work on either processor, though a device fuses the first layer's
// gradient with the Langevin step.
TEST(EmulatedMeasure, ADeviceAsksForTheCpusConvolutions) {
  const double cpu = multiply_adds(small({}, "fp32"));
  EXPECT_EQ(multiply_adds(small(device(false), "fp32")), cpu);
  EXPECT_EQ(multiply_adds(small(device(true), "bf16")), cpu);
}

TEST(EmulatedMeasure, IterationsOfAGraphAndTheirFloor) {
  measure::StepOptions options = small(device(true), "bf16");
  options.k = options.batch = 1;
  options.labelled = 0;
  measure::Extent extent;
  extent.iterations = 3;  // fewer than are timed together by default
  extent.warmup = 2;
  const measure::StepFigures figures = measure::measure_step(options, extent, {});
  EXPECT_EQ(figures.iterations_together, 3);
  EXPECT_EQ(figures.times.seconds.size(), 1u);
  EXPECT_GT(figures.peak_bytes, 10000u * 3 * 8 * 8 * 4) << "the replay buffer lies on the device";
  EXPECT_GT(figures.floor(), 0);
  for (const measure::ConvolutionUse& use : figures.convolutions) EXPECT_GT(use.seconds, 0);
}

TEST(EmulatedMeasure, MemoryOfADeviceIsCountedAndGivenBack) {
  engine::Context context(device(false));
  const engine::Memory& memory = context.accelerator().memory();
  const std::size_t before = memory.reserved_bytes();
  {
    const auto arena = context.make_arena();
    const engine::Context::UseArena use(context, *arena);
    const engine::Tensor tensor = context.empty({1 << 20}, engine::DType::fp32);
    EXPECT_GE(memory.reserved_bytes(), before + (4u << 20));
  }
  EXPECT_EQ(memory.reserved_bytes(), before);
}

TEST(EmulatedMeasure, CasesThatOnlyADeviceHas) {
  selftest::MeasureOptions options;
  options.only = "chains";
  int cases = 0;
  const auto count = [&](const selftest::Case&) { ++cases; };
  selftest::for_each_measured_case(options, count);
  EXPECT_EQ(cases, 0);
  options.context = device(false);
  selftest::for_each_measured_case(options, count);
  EXPECT_EQ(cases, 2);  // draw, write back
  engine::Context context(options.context);
  selftest::for_each_measured_case(options, [&](const selftest::Case& one) {
    selftest::with_work(context, one, [](const std::function<void()>& work) { work(); });
  });
}

}  // namespace
}  // namespace mebm::test
