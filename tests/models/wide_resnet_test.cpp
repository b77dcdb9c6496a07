#include "models/wide_resnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engine/ops/dense.h"
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

Tensor images(engine::Context& context, const engine::Shape& shape, std::uint32_t seed,
              DType dtype = DType::fp64) {
  Tensor t = context.empty(shape, dtype);
  engine::ops::write(reference::random_values(static_cast<std::size_t>(shape.elements()), seed), t);
  return t;
}

TEST(WideResNet, ParameterCounts) {
  EXPECT_EQ((WideResNetConfig{.depth = 28, .width = 10, .num_classes = 10}.parameter_count()), 36489931);
  const WideResNetConfig configs[] = {{.depth = 10, .width = 1},
                                      {.depth = 10, .width = 2, .num_classes = 0},
                                      {.depth = 16, .width = 1, .num_classes = 100},
                                      {.depth = 10, .width = 3, .stages = 4, .image_size = 64},
                                      {.depth = 10, .width = 1, .norm = "none", .in_channels = 1}};
  for (const WideResNetConfig& config : configs) {
    engine::Context context;
    WideResNet model(context, config, DType::fp32, 1);
    std::int64_t sum = 0;
    std::set<std::string> names;
    for (const autograd::Parameter* parameter : model.parameters()) {
      sum += parameter->value.elements();
      EXPECT_TRUE(names.insert(parameter->name).second) << parameter->name;
    }
    EXPECT_EQ(config.parameter_count(), sum)
        << config.depth << "-" << config.width << " stages " << config.stages;
    EXPECT_EQ(model.config().feature_count(), 16 * config.width * (config.stages == 4 ? 8 : 4));
  }
}

// The reference's state-dict keys of WRN-10-1 with two heads.
TEST(WideResNet, ParameterAndBufferNames) {
  const std::vector<std::pair<std::string, engine::Shape>> expected{
      {"f.conv1.weight", {16, 3, 3, 3}},
      {"f.conv1.bias", {16}},
      {"f.layer1.0.bn1.weight", {16}},
      {"f.layer1.0.bn1.bias", {16}},
      {"f.layer1.0.conv1.weight", {16, 16, 3, 3}},
      {"f.layer1.0.conv1.bias", {16}},
      {"f.layer1.0.bn2.weight", {16}},
      {"f.layer1.0.bn2.bias", {16}},
      {"f.layer1.0.conv2.weight", {16, 16, 3, 3}},
      {"f.layer1.0.conv2.bias", {16}},
      {"f.layer2.0.bn1.weight", {16}},
      {"f.layer2.0.bn1.bias", {16}},
      {"f.layer2.0.conv1.weight", {32, 16, 3, 3}},
      {"f.layer2.0.conv1.bias", {32}},
      {"f.layer2.0.bn2.weight", {32}},
      {"f.layer2.0.bn2.bias", {32}},
      {"f.layer2.0.conv2.weight", {32, 32, 3, 3}},
      {"f.layer2.0.conv2.bias", {32}},
      {"f.layer2.0.shortcut.0.weight", {32, 16, 1, 1}},
      {"f.layer2.0.shortcut.0.bias", {32}},
      {"f.layer3.0.bn1.weight", {32}},
      {"f.layer3.0.bn1.bias", {32}},
      {"f.layer3.0.conv1.weight", {64, 32, 3, 3}},
      {"f.layer3.0.conv1.bias", {64}},
      {"f.layer3.0.bn2.weight", {64}},
      {"f.layer3.0.bn2.bias", {64}},
      {"f.layer3.0.conv2.weight", {64, 64, 3, 3}},
      {"f.layer3.0.conv2.bias", {64}},
      {"f.layer3.0.shortcut.0.weight", {64, 32, 1, 1}},
      {"f.layer3.0.shortcut.0.bias", {64}},
      {"f.bn1.weight", {64}},
      {"f.bn1.bias", {64}},
      {"energy_output.weight", {1, 64}},
      {"energy_output.bias", {1}},
      {"class_output.weight", {10, 64}},
      {"class_output.bias", {10}}};
  engine::Context context;
  WideResNet model(context, {.depth = 10, .width = 1, .num_classes = 10}, DType::fp32, 1);
  std::vector<std::pair<std::string, engine::Shape>> actual;
  for (const autograd::Parameter* p : model.parameters()) actual.emplace_back(p->name, p->value.shape());
  EXPECT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    EXPECT_EQ(actual[i].first, expected[i].first);
    EXPECT_EQ(actual[i].second, expected[i].second) << expected[i].first;
  }
  std::vector<std::string> buffers;
  for (const NamedBuffer& buffer : model.buffers()) buffers.push_back(buffer.name);
  std::vector<std::string> expected_buffers;
  for (const char* norm : {"f.layer1.0.bn1", "f.layer1.0.bn2", "f.layer2.0.bn1", "f.layer2.0.bn2",
                           "f.layer3.0.bn1", "f.layer3.0.bn2", "f.bn1"})
    for (const char* name : {".running_mean", ".running_var", ".num_batches_tracked"})
      expected_buffers.push_back(std::string(norm) + name);
  EXPECT_EQ(buffers, expected_buffers);
}

// U(+-1 / sqrt(fan in)) for every weight and bias of convolutions and heads; 1 and 0 for batch-norm; keyed by
// seed.
TEST(WideResNet, InitialWeights) {
  engine::Context context;
  const WideResNetConfig config{.depth = 10, .width = 1};
  WideResNet a(context, config, DType::fp64, 1), b(context, config, DType::fp64, 1),
      c(context, config, DType::fp64, 2);
  const auto pa = a.parameters(), pb = b.parameters(), pc = c.parameters();
  for (std::size_t i = 0; i < pa.size(); ++i) {
    const Values v = values_of(pa[i]->value);
    EXPECT_EQ(v, values_of(pb[i]->value));
    if (pa[i]->name.find("bn") != std::string::npos) {
      EXPECT_EQ(v, Values(v.size(), pa[i]->name.ends_with("weight") ? 1.0 : 0.0)) << pa[i]->name;
      continue;
    }
    EXPECT_NE(v, values_of(pc[i]->value));
    const engine::Shape& shape =
        pa[i]->name.ends_with("weight") ? pa[i]->value.shape() : pa[i - 1]->value.shape();
    const double n = static_cast<double>(v.size()),
                 bound = 1 / std::sqrt(static_cast<double>(shape.elements() / shape[0]));
    double mean = 0, square = 0;
    for (double x : v) {
      EXPECT_LE(std::abs(x), bound);
      mean += x / n;
      square += x * x / n;
    }
    EXPECT_NEAR(mean, 0, 4.5 * bound / std::sqrt(3 * n)) << pa[i]->name;
    if (n > 30) {
      EXPECT_NEAR(square, bound * bound / 3, 4.5 * bound * bound * std::sqrt(4.0 / 45 / n)) << pa[i]->name;
    }
  }
}

Values energies(engine::Context& context, WideResNet& model, const Tensor& x, const Pass& pass,
                EnergyKind kind = EnergyKind::head, const Tensor& labels = {}) {
  autograd::Tape tape(context);
  const autograd::NoRecording quiet(tape);
  return values_of(model.energy(tape, model.features(tape, {x}, pass), kind, labels).value);
}

// Groups in one pass give the energies of separate passes, in both precisions.
TEST(WideResNet, GroupsAreSeparatePasses) {
  for (DType dtype : {DType::fp32, DType::fp64}) {
    engine::Context context;
    WideResNet model(context, {.depth = 10, .width = 2, .image_size = 16}, dtype, 3);
    const Tensor all = images(context, {7, 3, 16, 16}, 5, dtype);
    Pass pass;
    pass.groups.add(3);
    pass.groups.add(4);
    Values apart = energies(context, model, all.rows(0, 3), Pass::single(3, true));
    const Values second = energies(context, model, all.rows(3, 4), Pass::single(4, true));
    apart.insert(apart.end(), second.begin(), second.end());
    const Values together = energies(context, model, all, pass);
    EXPECT_TRUE(reference::within(together, apart, dtype == DType::fp64 ? 1e-12 : 1e-5));
    // One group over all rows is something else.
    EXPECT_GT(reference::relative_error(energies(context, model, all, Pass::single(7, true)), apart), 1e-3);
  }
}

TEST(WideResNet, Fp32IsFp64ToRounding) {
  engine::Context context;
  for (const char* norm : {"batch", "none"})
    for (int width : {1, 3}) {
      const WideResNetConfig config{
          .depth = 10, .width = width, .norm = norm, .in_channels = 1, .image_size = 24};
      WideResNet wide(context, config, DType::fp64, 3), narrow(context, config, DType::fp32, 3);
      const Values expected =
          energies(context, wide, images(context, {3, 1, 24, 24}, 5), Pass::single(3, true));
      const Values actual =
          energies(context, narrow, images(context, {3, 1, 24, 24}, 5, DType::fp32), Pass::single(3, true));
      EXPECT_LE(reference::relative_error(actual, expected), 1e-5) << norm << " " << width;
    }
}

TEST(WideResNet, ThreeEnergiesAgreeWithTheLogits) {
  engine::Context context;
  WideResNet model(context, {.depth = 10, .width = 1, .num_classes = 7, .image_size = 8}, DType::fp64, 3);
  const Tensor x = images(context, {4, 3, 8, 8}, 5);
  const Pass pass = Pass::single(4, true);
  autograd::Tape tape(context);
  tape.set_recording(false);
  const autograd::Variable features = model.features(tape, {x}, pass);
  const Values logits = values_of(model.logits(tape, features).value),
               lse = reference::logsumexp(4, 7, logits);
  const std::int32_t classes[] = {6, 0, 3, 3};
  const Values by_lse = energies(context, model, x, pass, EnergyKind::logsumexp),
               by_class = energies(context, model, x, pass, EnergyKind::class_logit,
                                   engine::ops::make_labels(context, classes, 7));
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_NEAR(by_lse[r], -lse[r], 1e-13);
    EXPECT_EQ(by_class[r], -logits[r * 7 + static_cast<std::size_t>(classes[r])]);
  }
}

TEST(WideResNet, BadConfigurationsAreInputErrors) {
  engine::Context context;
  const auto expect = [&](WideResNetConfig config, const char* message) {
    EXPECT_THAT([&] { WideResNet(context, config, DType::fp32, 1); },
                ThrowsMessage<engine::InputError>(HasSubstr(message)));
  };
  for (int depth : {0, 4, 12, 27, -2, 1006 + 6}) expect({.depth = depth}, "is not 6n + 4");
  expect({.width = 0}, "model width 0 is outside 1 ... 64");
  expect({.width = 1 << 30}, "model width 1073741824 is outside");
  expect({.stages = 5}, "model stages 5 is neither 3 nor 4");
  expect({.norm = "layer"}, "model norm 'layer' is unknown; known: batch, none");
  expect({.num_classes = -1}, "num_classes -1 is outside");
  expect({.in_channels = 0}, "in_channels 0 is outside");
  expect({.image_size = 4}, "image_size 4 is outside");
  expect({.leak = NAN}, "leak nan is outside");
  expect({.norm_momentum = 1.5}, "norm_momentum 1.5 is outside");
  expect({.norm_eps = 0}, "norm_eps 0 is outside");
  EXPECT_EQ(context.arena().reserved_bytes(), 0u);  // refused before anything is allocated
}

TEST(WideResNet, BadInputs) {
  engine::Context context;
  WideResNet model(context, {.depth = 10, .width = 1, .num_classes = 0}, DType::fp32, 1);
  autograd::Tape tape(context);
  EXPECT_THAT(
      [&] {
        model.features(tape, {images(context, {2, 1, 32, 32}, 1, DType::fp32)}, Pass::single(2, true));
      },
      ThrowsMessage<engine::Error>(HasSubstr("images [2, 1, 32, 32] do not fit a network for 3x32x32")));
  EXPECT_THAT(
      [&] {
        model.logits(tape, {images(context, {2, 64}, 1, DType::fp32)});
      },
      ThrowsMessage<engine::InputError>(HasSubstr("no class head")));
  EXPECT_THAT(
      [] { parse_energy_kind("lse"); },
      ThrowsMessage<engine::InputError>(HasSubstr("energy 'lse' is unknown; known: head, logsumexp, class")));
  for (EnergyKind kind : {EnergyKind::head, EnergyKind::logsumexp, EnergyKind::class_logit})
    EXPECT_EQ(parse_energy_kind(name_of(kind)), kind);
}

// For weights that are loaded next: as much memory as there are values, and nothing drawn.
TEST(WideResNet, WithoutASeedNothingIsDrawnNorAllocatedForTraining) {
  const WideResNetConfig config{.depth = 10, .width = 2, .norm = "none", .image_size = 8};
  engine::Context context;
  Tensor scribbled = context.empty({config.parameter_count() * 2}, DType::fp32);
  engine::ops::fill(context, 7, scribbled);
  scribbled.reset();
  WideResNet model(context, config, DType::fp32, std::nullopt);
  std::size_t padded = 0;
  for (const autograd::Parameter* p : model.parameters()) {
    padded += (p->value.bytes() + engine::Arena::kAlignment - 1) / engine::Arena::kAlignment *
              engine::Arena::kAlignment;
    for (double value : values_of(p->value)) ASSERT_EQ(value, 7) << p->name;  // what the memory held before
  }
  EXPECT_EQ(context.arena().bytes_in_use(), padded);
}

// Weights frozen: a pass and its backward leave every parameter unreached.
TEST(WideResNet, ZeroGradientsAndFreezing) {
  engine::Context context;
  WideResNet model(context, {.depth = 10, .width = 1, .image_size = 8}, DType::fp64, 1);
  const auto reached = [&](bool frozen) {
    model.zero_gradients();
    autograd::Tape tape(context);
    tape.set_parameters_frozen(frozen);
    const autograd::Variable x = tape.leaf(images(context, {2, 3, 8, 8}, 1));
    const autograd::Variable e =
        model.energy(tape, model.features(tape, x, Pass::single(2, true)), EnergyKind::head, {});
    tape.backward(e, images(context, {2}, 2));
    EXPECT_TRUE(tape.gradient(x).defined());
    int count = 0;
    for (const autograd::Parameter* p : model.parameters()) count += p->reached;
    return count;
  };
  EXPECT_EQ(reached(true), 0);
  for (const autograd::Parameter* p : model.parameters()) EXPECT_FALSE(p->gradient.defined()) << p->name;
  EXPECT_EQ(reached(false), static_cast<int>(model.parameters().size()) - 2);  // all but class_output
}

// Batch statistics remove whatever constant a convolution's bias adds, wherever in the network it is:
// energies do not change and the gradient is known to be zero. Running statistics do not.
TEST(WideResNet, ConvolutionBiasesCancelInBatchStatisticsOnly) {
  engine::Context context;
  WideResNet model(context, {.depth = 16, .width = 2, .image_size = 16}, DType::fp64, 1);
  const Tensor x = images(context, {6, 3, 16, 16}, 1);
  Pass grouped;
  for (const std::int64_t rows : {2, 4}) grouped.groups.add(rows);
  const auto is_convolution_bias = [](const autograd::Parameter& p) {
    return p.name.ends_with(".bias") &&
           (p.name.find("conv") != std::string::npos || p.name.find("shortcut") != std::string::npos);
  };
  const auto energies_of = [&](const Pass& pass) {
    autograd::Tape tape(context);
    const autograd::Variable e = model.energy(tape, model.features(tape, {x}, pass), EnergyKind::head, {});
    model.zero_gradients();
    tape.backward(e, images(context, {6}, 2));
    return values_of(e.value);
  };
  const Pass running = Pass::single(6, false);
  int biases = 0;
  for (autograd::Parameter* p : model.parameters()) {
    if (!is_convolution_bias(*p)) continue;
    ++biases;
    const auto batch = energies_of(grouped);
    EXPECT_TRUE(p->zero_gradient && p->reached) << p->name;
    const auto given = energies_of(running);
    EXPECT_TRUE(p->has_gradient()) << p->name;
    auto shifted = values_of(p->value);
    for (std::size_t i = 0; i < shifted.size(); ++i) shifted[i] += 0.5 + 0.01 * static_cast<double>(i);
    engine::ops::write(shifted, p->value);
    // Two roundings of sums over at most 6 * 16^2 values of order one, through sixteen layers.
    const auto batch_after = energies_of(grouped), given_after = energies_of(running);
    double moved = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      EXPECT_NEAR(batch_after[i], batch[i], 1e-11) << p->name;
      moved = std::max(moved, std::abs(given_after[i] - given[i]));
    }
    EXPECT_GT(moved, 1e-6) << p->name;
  }
  EXPECT_EQ(biases,
            1 + 6 * 2 + 3);  // stem, six blocks, three shortcuts (the first changes 16 channels to 32)
}

}  // namespace
}  // namespace mebm::models
