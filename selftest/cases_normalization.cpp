// Batch-norm with groups, LeakyReLU, folding of statistics.
//
// LeakyReLU's slope jumps at 0: an element whose pre-activation is within rounding of 0 may take the other
// branch on the other side, and through the sums of batch-norm every gradient of its channel would differ.
// Such elements are left out by giving them no incoming gradient; their share is reported.

#include "engine/ops/normalization.h"

#include <array>
#include <cmath>

#include "selftest/case.h"

namespace mebm::selftest {

using engine::DType;
using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

constexpr double kEps = 1e-5, kLeak = 0.2;

struct Layer {
  Array x, gamma, beta;
  ops::RowGroups groups;
  std::string text;
};

// One to three groups of unequal rows, or one where the batch is large.
ops::RowGroups random_groups(Generator& random, std::int64_t rows) {
  ops::RowGroups groups;
  const std::int64_t count = rows < 3 ? 1 : random.integer(1, 3);
  for (std::int64_t left = rows, g = count; g > 0; --g) {
    const std::int64_t taken = g == 1 ? left : random.integer(1, left - g + 1);
    groups.add(taken);
    left -= taken;
  }
  return groups;
}

Layer random_layer(Sweep& sweep, const Shape& shape, bool grouped) {
  Generator& random = sweep.random();
  Layer layer{
      random.values(shape), random.values({shape[1]}, 0.5, 1.5), random.values({shape[1]}, -0.5, 0.5),
      grouped && !sweep.recipes() ? random_groups(random, shape[0]) : ops::RowGroups::single(shape[0]),
      text(shape)};
  if (layer.groups.count > 1) layer.text += fmt::format(", {} groups", layer.groups.count);
  return layer;
}

// Mean and biased variance of a channel in rows begin ... begin + count - 1.
std::array<double, 2> moments(const Array& x, std::int64_t channel, std::int64_t begin, std::int64_t count) {
  const std::int64_t channels = x.shape[1], pixels = x.shape[2] * x.shape[3];
  const double m = static_cast<double>(count * pixels);
  double mean = 0, variance = 0;
  for (int pass = 0; pass < 2; ++pass)
    for (std::int64_t n = begin; n < begin + count; ++n)
      for (std::int64_t p = 0; p < pixels; ++p) {
        const double value = x.values[static_cast<std::size_t>((n * channels + channel) * pixels + p)];
        if (pass == 0)
          mean += value / m;
        else
          variance += (value - mean) * (value - mean) / m;
      }
  return {mean, variance};
}

// Sets dy to 0 where |gamma xhat + beta| is within rounding of 0 in fp32; returns their share. The
// pre-activation is scale x + shift: a rounding of each product, of the sum and of scale and shift, eight
// times over.
double leave_out_kink(const Layer& layer, Array& dy) {
  constexpr double kRoundings = 32 * 6e-8;
  const Array& x = layer.x;
  const std::int64_t channels = x.shape[1], pixels = x.shape[2] * x.shape[3];
  std::int64_t begin = 0, left_out = 0;
  for (int g = 0; g < layer.groups.count; ++g) {
    const std::int64_t count = layer.groups.counts[static_cast<std::size_t>(g)];
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto [mean, variance] = moments(x, c, begin, count);
      const auto channel = static_cast<std::size_t>(c);
      const double scale = layer.gamma.values[channel] / std::sqrt(variance + kEps);
      const double shift = layer.beta.values[channel] - mean * scale;
      for (std::int64_t n = begin; n < begin + count; ++n)
        for (std::int64_t p = 0; p < pixels; ++p) {
          const auto at = static_cast<std::size_t>((n * channels + c) * pixels + p);
          const double product = scale * x.values[at];
          if (std::abs(product + shift) > kRoundings * (std::abs(product) + std::abs(shift))) continue;
          dy.values[at] = 0;
          ++left_out;
        }
    }
    begin += count;
  }
  return static_cast<double>(left_out) / static_cast<double>(x.shape.elements());
}

double moved(const Sweep& sweep, const Shape& shape, int tensors) {
  return tensors * sweep.feature_bytes() * static_cast<double>(shape.elements());
}

void batch_norm_forward(Sweep& sweep, const Shape& shape, bool grouped) {
  const Layer layer = random_layer(sweep, shape, grouped);
  const auto build = [layer](const Side& side, Work& work) {
    const Shape slots{layer.groups.count, layer.x.shape[1]};
    Tensor& y = work.output("y", Grade::stored);
    Tensor& mean = work.output("mean", Grade::real, side.context().empty(slots, DType::fp64));
    Tensor& variance = work.output("variance", Grade::real, side.context().empty(slots, DType::fp64));
    work.run = [&, &context = side.context(), groups = layer.groups, x = side.features(layer.x),
                gamma = side.parameter(layer.gamma), beta = side.parameter(layer.beta)] {
      ops::StatisticsSlots statistics;
      statistics.mean = &mean;
      statistics.unbiased_variance = &variance;
      for (int g = 0; g < groups.count; ++g)
        statistics.slot[static_cast<std::size_t>(g)] = groups.count - 1 - g;
      y = ops::batch_norm_leaky_relu(context, x, gamma, beta, groups, kEps, kLeak, statistics).output;
    };
  };
  sweep.add({"batch norm + LeakyReLU", layer.text, build, moved(sweep, shape, 3)});
}

void batch_norm_given(Sweep& sweep, const Shape& shape) {
  const Layer layer = random_layer(sweep, shape, false);
  const Array mean = sweep.random().values({shape[1]}, -0.5, 0.5),
              variance = sweep.random().values({shape[1]}, 0.5, 1.5);
  const auto build = [layer, mean, variance](const Side& side, Work& work) {
    Tensor& y = work.output("y", Grade::stored);
    work.run = [&y, &context = side.context(), x = side.features(layer.x),
                gamma = side.parameter(layer.gamma), beta = side.parameter(layer.beta),
                mean = side.plain(mean), variance = side.plain(variance)] {
      y = ops::batch_norm_leaky_relu_given(context, x, gamma, beta, mean, variance, kEps, kLeak).output;
    };
  };
  sweep.add({"batch norm, given statistics", layer.text, build, moved(sweep, shape, 2)});
}

void batch_norm_backward(Sweep& sweep, const Shape& shape, bool through_statistics, bool parameters) {
  const Layer layer = random_layer(sweep, shape, through_statistics);
  Generator& random = sweep.random();
  // Correlated with x, so that dgamma does not cancel.
  Array dy = random.values(shape);
  for (std::size_t i = 0; i < dy.values.size(); ++i)
    dy.values[i] = rounded(dy.values[i] + 0.5 * layer.x.values[i], sweep.precision());
  const std::optional<double> left_out =
      sweep.recipes() ? std::nullopt : std::optional(leave_out_kink(layer, dy));
  const Array before = random.values(shape), dgamma_before = random.values({shape[1]});
  const WriteMode mode = sweep.write_mode();
  const auto build = [=](const Side& side, Work& work) {
    Tensor& dx = work.output("dx", Grade::stored, side.empty_features(layer.x.shape));
    if (mode == WriteMode::accumulate) put(before.values, dx);
    Tensor *dgamma = nullptr, *dbeta = nullptr;
    if (parameters) {
      dgamma = &work.output("dgamma", Grade::real, side.plain(dgamma_before));
      dbeta = &work.output("dbeta", Grade::real, side.context().empty(dgamma_before.shape, side.real()));
    }
    // The forward pass makes the coefficients; part of the run, so that its memory is the run's own.
    work.run = [=, &dx, &context = side.context(), groups = layer.groups, x = side.features(layer.x),
                gamma = side.parameter(layer.gamma), beta = side.parameter(layer.beta),
                dy = side.features(dy), coefficients = Tensor()]() mutable {
      if (!coefficients.defined())
        coefficients = ops::batch_norm_leaky_relu(context, x, gamma, beta, groups, kEps, kLeak).coefficients;
      ops::BatchNormGradients gradients{.dx = &dx, .dx_mode = mode};
      gradients.dgamma = dgamma;
      gradients.dgamma_mode = WriteMode::accumulate;
      gradients.dbeta = dbeta;
      ops::batch_norm_leaky_relu_backward(context, x, coefficients, dy, groups, kLeak, through_statistics,
                                          gradients);
    };
  };
  std::string op = through_statistics ? "batch norm backward" : "batch norm backward, given statistics";
  if (parameters) op += " + parameters";
  if (mode == WriteMode::accumulate) op += ", added";
  const int tensors = (through_statistics || parameters ? 5 : 3) + (mode == WriteMode::accumulate ? 1 : 0);
  sweep.add({op, layer.text, build, moved(sweep, shape, tensors), 0, left_out});
}

// x is stored, so its sign is the same on both sides: nothing needs to be left out.
void leaky_relu(Sweep& sweep, const Shape& shape) {
  Generator& random = sweep.random();
  const Array x = random.values(shape), dy = random.values(shape), before = random.values(shape);
  const WriteMode mode = sweep.write_mode();
  sweep.add({"LeakyReLU", text(shape),
             [x](const Side& side, Work& work) {
               Tensor& y = work.output("y", Grade::stored);
               work.run = [&y, &context = side.context(), x = side.features(x)] {
                 y = ops::leaky_relu(context, x, kLeak);
               };
             },
             moved(sweep, shape, 2)});
  sweep.add({mode == WriteMode::accumulate ? "LeakyReLU backward, added" : "LeakyReLU backward", text(shape),
             [=](const Side& side, Work& work) {
               Tensor& dx = work.output("dx", Grade::stored, side.empty_features(x.shape));
               if (mode == WriteMode::accumulate) put(before.values, dx);
               work.run = [&dx, &context = side.context(), mode, x = side.features(x),
                           dy = side.features(dy)] {
                 ops::leaky_relu_backward(context, x, dy, kLeak, dx, mode);
               };
             },
             moved(sweep, shape, mode == WriteMode::accumulate ? 4 : 3)});
}

void fold(Sweep& sweep) {
  Generator& random = sweep.random();
  const std::int64_t slots = random.integer(2, 5);
  std::vector<std::array<Array, 4>> layers;  // mean, variance, running mean, running variance
  for (const std::int64_t channels : {random.pick({1, 31, 33}), random.pick({16, 257, 640})})
    layers.push_back({random.values({slots, channels}), random.values({slots, channels}, 0.5, 1.5),
                      random.values({channels}), random.values({channels}, 0.5, 1.5)});
  const auto build = [layers, slots](const Side& side, Work& work) {
    std::vector<std::array<Tensor, 2>> passes;
    std::vector<std::array<Tensor*, 2>> running;
    for (const auto& layer : layers) {
      passes.push_back({side.wide(layer[0]), side.wide(layer[1])});
      running.push_back({&work.output("running mean", Grade::real, side.plain(layer[2])),
                         &work.output("running variance", Grade::real, side.plain(layer[3]))});
    }
    work.run = [=, &context = side.context()] {
      std::vector<ops::FoldedLayer> folded;
      for (std::size_t i = 0; i < passes.size(); ++i)
        folded.push_back({&passes[i][0], &passes[i][1], running[i][0], running[i][1]});
      ops::fold_statistics(context, folded, static_cast<int>(slots), 0.9);
    };
  };
  sweep.add({"fold statistics",
             fmt::format("{} slots, {} and {} channels", slots, layers[0][2].shape[0], layers[1][2].shape[0]),
             build});
}

}  // namespace

void normalization_cases(Sweep& sweep) {
  for (const Shape& shape : sweep.feature_shapes()) {
    const bool grouped = shape[0] < 64;  // a chain step has one group
    batch_norm_forward(sweep, shape, grouped);
    batch_norm_given(sweep, shape);
    batch_norm_backward(sweep, shape, true, false);
    batch_norm_backward(sweep, shape, true, true);
    leaky_relu(sweep, shape);
  }
  if (sweep.recipes()) return;
  batch_norm_backward(sweep, sweep.feature_shapes().back(), false, true);
  if (sweep.precision() == Precision::fp32) fold(sweep);
}

}  // namespace mebm::selftest
