// SGD against its formula over several steps, and the learning-rate schedule against hand-computed values.

#include "autograd/optim/sgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops/elementwise.h"
#include "tests/autograd/gradient_check.h"
#include "tests/reference/test_data.h"

namespace mebm::autograd {
namespace {

TEST(Sgd, Schedule) {
  engine::Context context;
  const Sgd sgd(context, {.learning_rate = 0.1, .warmup_iterations = 1000, .milestones = {60, 120, 180}}, {});
  EXPECT_EQ(sgd.learning_rate(0, 0), 0);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(1, 0), 1e-4);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(999, 2), 0.0999);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(1000, 2), 0.1);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(5000, 59), 0.1);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(60 * 390, 60), 0.02);
  EXPECT_DOUBLE_EQ(sgd.learning_rate(70000, 180), 0.1 * 0.008);
  const Sgd cold(context, {.learning_rate = 0.5, .warmup_iterations = 0, .milestones = {}}, {});
  EXPECT_EQ(cold.learning_rate(0, 0), 0.5);
}

TEST(Sgd, FollowsTheFormulaAndLeavesUnreachedParametersAlone) {
  engine::Context context;
  const Values start = reference::random_values(33, 1), other = reference::random_values(5, 2);
  Parameter a{"a", make_tensor(context, {33}, start), context.empty({33}, engine::DType::fp64), false};
  Parameter b{"b", make_tensor(context, {5}, other), context.empty({5}, engine::DType::fp64), false};
  Parameter* const parameters[] = {&a, &b};
  Sgd sgd(context, {}, parameters);
  Values w = start, v(33);
  for (std::uint32_t step = 0; step < 5; ++step) {
    const Values gradient = reference::random_values(33, 10 + step);
    engine::ops::write(gradient, a.gradient);
    a.reached = step != 3;  // momentum stands still too
    const std::uint32_t version = a.value.version();
    sgd.step(0.1);
    EXPECT_EQ(a.value.version() != version, a.reached);
    for (std::size_t i = 0; a.reached && i < w.size(); ++i) {
      v[i] = 0.9 * v[i] + (gradient[i] + 5e-4 * w[i]);
      w[i] -= 0.1 * v[i];
    }
  }
  // Four steps of at most six roundings of values below 4.
  EXPECT_TRUE(reference::within(read_tensor(a.value), w, 4 * 6 * 4 * 1.2e-16));
  EXPECT_TRUE(reference::within(read_tensor(sgd.velocities()[0]), v, 4 * 6 * 4 * 1.2e-16));
  EXPECT_EQ(read_tensor(b.value), other);
  EXPECT_EQ(read_tensor(sgd.velocities()[1]), Values(5));
}

// A gradient known to be zero is not read: weight decay and momentum act alone.
TEST(Sgd, AZeroGradientLeavesWeightDecayAndMomentum) {
  engine::Context context;
  const Values start = reference::random_values(33, 1);
  Parameter a{"a", make_tensor(context, {33}, start)};
  Parameter* const parameters[] = {&a};
  Sgd sgd(context, {}, parameters);
  engine::ops::write(Values(33, std::nan("")), a.gradient);
  a.reached = a.zero_gradient = true;
  Values w = start, v(33);
  for (int step = 0; step < 3; ++step) {
    sgd.step(0.1);
    for (std::size_t i = 0; i < w.size(); ++i) {
      v[i] = 0.9 * v[i] + 5e-4 * w[i];
      w[i] -= 0.1 * v[i];
    }
  }
  EXPECT_TRUE(reference::within(read_tensor(a.value), w, 3 * 5 * 2 * 1.2e-16));
}

}  // namespace
}  // namespace mebm::autograd
