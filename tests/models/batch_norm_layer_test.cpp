// The layer's running statistics: which values are recorded, in what order they are folded.

#include "models/layers/batch_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "tests/reference/test_data.h"

namespace mebm::models {
namespace {

using engine::DType;
using engine::Tensor;
using reference::Values;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Values values_of(const Tensor& t) {
  Values out(static_cast<std::size_t>(t.elements()));
  engine::ops::read(t, out);
  return out;
}

struct Layer {
  engine::Context context;
  autograd::Tape tape{context};
  BatchNorm norm{context, "f.bn1", 3, DType::fp64, {.momentum = 0.9, .eps = 1e-5, .leak = 0.2}};

  Values forward(const Values& x, const Pass& pass) {
    Tensor t = context.empty({static_cast<std::int64_t>(x.size()) / 12, 3, 2, 2}, DType::fp64);
    engine::ops::write(x, t);
    return values_of(norm.forward(tape, {t}, pass).value);
  }
  void fold(int slots) {
    const engine::ops::FoldedLayer folded = norm.folded(slots);
    engine::ops::fold_statistics(context, std::span(&folded, 1), slots, 0.9);
  }
};

Pass grouped(std::initializer_list<std::pair<int, int>> counts_and_slots) {
  Pass pass;
  for (auto [count, slot] : counts_and_slots) {
    pass.slots[static_cast<std::size_t>(pass.groups.count)] = slot;
    pass.groups.add(count);
  }
  return pass;
}

// Slots are folded in slot order whatever the order of the passes, with the unbiased variance, running = 0.1
// old + 0.9 new.
TEST(BatchNormLayer, FoldsSlotsInOrder) {
  Layer layer;
  layer.norm.reserve_statistics(3);
  const Values a = reference::random_values(5 * 12, 1, -1, 2), b = reference::random_values(3 * 12, 2, 0, 4),
               c = reference::random_values(2 * 12, 3, -3, 0);
  Values ab(a);
  ab.insert(ab.end(), b.begin(), b.end());
  layer.forward(c, Pass::single(2, true, 1));
  layer.forward(ab, grouped({{5, 0}, {3, 2}}));
  layer.forward(b, Pass::single(3, true));   // not recorded
  layer.forward(c, Pass::single(2, false));  // running mode records nothing
  layer.fold(3);
  Values mean(3, 0), variance(3, 1);
  for (const auto& [x, rows] : {std::pair(a, 5), {c, 2}, {b, 3}}) {
    const reference::BatchNormState s =
        reference::batch_norm({.channels = 3, .pixels = 4, .counts = {rows}}, x, {1, 1, 1}, {0, 0, 0});
    const double m = rows * 4;
    for (std::size_t i = 0; i < 3; ++i) {
      mean[i] = 0.1 * mean[i] + 0.9 * s.mean[i];
      variance[i] = 0.1 * variance[i] + 0.9 * s.variance[i] * m / (m - 1);
    }
  }
  EXPECT_TRUE(reference::within(values_of(layer.norm.running_mean), mean, 1e-14));
  EXPECT_TRUE(reference::within(values_of(layer.norm.running_variance), variance, 1e-14));
  EXPECT_EQ(layer.norm.batches_tracked, 3);
}

TEST(BatchNormLayer, RunningModeUsesTheRunningStatistics) {
  Layer layer;
  const Values mean{0.5, -1, 2}, variance{1, 4, 0.25}, x = reference::random_values(24, 4);
  engine::ops::write(mean, layer.norm.running_mean);
  engine::ops::write(variance, layer.norm.running_variance);
  const reference::BatchNorm oracle{.channels = 3, .pixels = 4, .counts = {2}};
  EXPECT_TRUE(reference::within(
      layer.forward(x, Pass::single(2, false)),
      reference::batch_norm_given(oracle, x, {1, 1, 1}, {0, 0, 0}, mean, variance).z, 1e-13));
  EXPECT_EQ(values_of(layer.norm.running_mean), mean);
}

TEST(BatchNormLayer, Errors) {
  Layer layer;
  layer.norm.reserve_statistics(2);
  const Values x = reference::random_values(24, 4);
  EXPECT_THAT([&] { layer.forward(x, Pass::single(2, true, 2)); },
              ThrowsMessage<engine::Error>(HasSubstr("f.bn1: statistics slot 2 of 2 reserved")));
  EXPECT_THAT([&] { layer.fold(2); },
              ThrowsMessage<engine::Error>(HasSubstr("f.bn1: no statistics in slot 0")));
  Tensor one = layer.context.empty({1, 3, 1, 1}, DType::fp64);
  engine::ops::fill(layer.context, 1, one);
  EXPECT_THAT([&] { layer.norm.forward(layer.tape, {one}, Pass::single(1, true, 0)); },
              ThrowsMessage<engine::Error>(HasSubstr("single value have no variance")));
}

}  // namespace
}  // namespace mebm::models
