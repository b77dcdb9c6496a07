// Pixels that chains keep: exact, and without effect where there are none.

#include <gtest/gtest.h>

#include "ebm/langevin_sampler.h"
#include "tests/ebm/toy_models.h"
#include "tests/reference/test_data.h"

namespace mebm::ebm {
namespace {

using engine::DType;
using engine::Tensor;

std::vector<double> run_kept(const reference::Values& free, const reference::Values& start) {
  QuadraticEnergy model(std::vector<double>{1.0, 0.6, 0.6, 0.8});
  engine::Context context;
  autograd::Tape tape(context);
  Tensor chains = context.empty({4, 2, 1, 1}, DType::fp64);
  engine::ops::write(start, chains);
  LangevinRun run{.key = engine::PhiloxKey(3)};
  if (!free.empty()) {
    reference::Values values = start;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (free[i] != 0) values[i] = 0;
    run.kept.free = context.empty({4, 2, 1, 1}, DType::fp64);
    run.kept.values = context.empty({4, 2, 1, 1}, DType::fp64);
    engine::ops::write(free, run.kept.free);
    engine::ops::write(values, run.kept.values);
  }
  std::vector<double> seen(8);
  int steps = 0;
  LangevinSampler(tape, {.steps = 5, .step_size = 0.5, .noise = 0.3, .pixel_clamp = 0.25})
      .run(model, run, {}, chains, [&](int, const Tensor&) {
        engine::ops::read(chains, seen);
        ++steps;
        for (std::size_t i = 0; i < free.size(); ++i)
          if (free[i] == 0) {
            EXPECT_EQ(seen[i], start[i]) << "step " << steps << ", pixel " << i;
          }
      });
  EXPECT_EQ(steps, 5);
  return seen;
}

// Kept values are put back bit for bit after every step, also those that the clamp would change.
TEST(KeptPixels, StayExactly) {
  const reference::Values start = reference::random_values(8, 5, -3, 3), free{1, 0, 0, 1, 0, 0, 1, 1};
  const std::vector<double> found = run_kept(free, start);
  for (std::size_t i = 0; i < 8; ++i)
    if (free[i] != 0) {
      EXPECT_NE(found[i], start[i]) << i;
    }
}

TEST(KeptPixels, WhereEverythingIsFreeTheChainsAreTheSame) {
  const reference::Values start = reference::random_values(8, 6, -1, 1);
  EXPECT_EQ(run_kept(reference::Values(8, 1), start), run_kept({}, start));
}

// The moving pixels see the kept ones: half of a correlated pair held fixed moves the other half's energy.
TEST(KeptPixels, SteerTheOthers) {
  reference::Values low(8, -0.2), high(8, -0.2);
  for (std::size_t i = 1; i < 8; i += 2) high[i] = 0.2;
  const reference::Values free{1, 0, 1, 0, 1, 0, 1, 0};
  const std::vector<double> a = run_kept(free, low), b = run_kept(free, high);
  double difference = 0;
  for (std::size_t i = 0; i < 8; i += 2) {
    EXPECT_GE(a[i], b[i]) << "P01 > 0 pushes against the kept pixel, as far as the clamp lets it";
    difference += a[i] - b[i];
  }
  EXPECT_GT(difference, 0.1);
}

}  // namespace
}  // namespace mebm::ebm
