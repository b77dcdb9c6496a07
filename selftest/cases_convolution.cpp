// Convolutions: the first one (images of few channels, kernels of the project's own) and the library's.

#include "engine/ops/convolution.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"
#include "selftest/case.h"

namespace mebm::selftest {

using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

struct Geometry {
  Shape x;
  std::int64_t out_channels = 0, kernel = 3;
  ops::ConvolutionShape shape;
  bool stem = false;  // x is an image

  std::int64_t extent(int i) const { return (x[i] + 2 * shape.padding - kernel) / shape.stride + 1; }
  Shape y() const { return {x[0], out_channels, extent(2), extent(3)}; }
  Shape weights() const { return {out_channels, x[1], kernel, kernel}; }
  double flops() const {
    return 2.0 * static_cast<double>(y().elements()) * static_cast<double>(x[1] * kernel * kernel);
  }
  std::string name(const std::string& what) const {
    return (stem ? "first convolution" : "convolution") + what;
  }
  std::string text() const {
    return fmt::format("{} -> {}, {}x{}/{}", selftest::text(x), out_channels, kernel, kernel, shape.stride);
  }
};

// The input is an image on the first layer, which lies plain and is never narrowed.
Tensor input(const Side& side, const Geometry& g, const Array& x) {
  return g.stem ? side.plain(x) : side.features(x);
}

double moved(const Sweep& sweep, const Geometry& g) {
  const double x_bytes = g.stem ? 4 : sweep.feature_bytes();
  return x_bytes * static_cast<double>(g.x.elements()) +
         sweep.feature_bytes() * static_cast<double>(g.y().elements() + g.weights().elements());
}

void forward(Sweep& sweep, const Geometry& g, bool with_residual) {
  Generator& random = sweep.random();
  const Array x = random.values(g.x), weights = random.weights(g.weights()),
              bias = random.values({g.out_channels}), residual = random.values(g.y());
  const auto build = [=](const Side& side, Work& work) {
    Tensor& y = work.output("y", Grade::stored);
    const Tensor to_add = with_residual ? side.features(residual) : Tensor();
    work.run = [&y, &context = side.context(), to_add, g, x = input(side, g, x),
                w = side.parameter(weights, true),
                b = side.parameter(bias)] { y = ops::convolution(context, x, w, b, g.shape, to_add); };
  };
  const double bytes =
      moved(sweep, g) + (with_residual ? sweep.feature_bytes() * static_cast<double>(g.y().elements()) : 0);
  sweep.add({g.name(with_residual ? " + residual" : ""), g.text(), build, bytes, g.flops()});
}

// The first convolution's gradient and the Langevin step with it, fused on a device.
void backward_langevin(Sweep& sweep, const Geometry& g) {
  Generator& random = sweep.random();
  const Array x = random.values(g.x, -1, 1), dy = random.values(g.y()), weights = random.weights(g.weights());
  const auto build = [=](const Side& side, Work& work) {
    Tensor& chains = work.output("x", Grade::real, side.plain(x));
    work.run = [&chains, &context = side.context(), g, dy = side.features(dy),
                w = side.parameter(weights, true)] {
      ops::LangevinUpdate update;
      update.step_size = 0.5;
      update.noise = 0.01;
      update.key = engine::PhiloxKey(11);
      update.iteration = 7;
      update.step = 3;
      update.first_slot = 5;
      if (ops::convolution_backward_langevin(context, dy, w, g.shape, update, chains)) return;
      Tensor gradient = context.empty(g.x, chains.dtype());
      ops::convolution_backward_data(context, dy, w, g.shape, gradient, WriteMode::overwrite);
      ops::langevin_step(context, update, gradient, chains);
    };
  };
  sweep.add({g.name(" backward + Langevin step"), g.text(), build, moved(sweep, g), g.flops()});
}

std::string suffix(WriteMode mode) {
  return mode == WriteMode::accumulate ? ", added" : "";
}

void backward_data(Sweep& sweep, const Geometry& g) {
  Generator& random = sweep.random();
  const Array dy = random.values(g.y()), weights = random.weights(g.weights()), before = random.values(g.x);
  const WriteMode mode = sweep.write_mode();
  const Grade grade = g.stem ? Grade::real : Grade::stored;
  const auto build = [=](const Side& side, Work& work) {
    Tensor& dx =
        work.output("dx", grade, g.stem ? side.context().empty(g.x, side.real()) : side.empty_features(g.x));
    if (mode == WriteMode::accumulate) put(before.values, dx);
    work.run = [&dx, &context = side.context(), g, mode, dy = side.features(dy),
                w = side.parameter(weights, true)] {
      ops::convolution_backward_data(context, dy, w, g.shape, dx, mode);
    };
  };
  sweep.add({g.name(" backward data") + suffix(mode), g.text(), build, moved(sweep, g), g.flops()});
}

void backward_weights(Sweep& sweep, const Geometry& g) {
  Generator& random = sweep.random();
  const Array x = random.values(g.x), dy = random.values(g.y()), before = random.values(g.weights()),
              bias_before = random.values({g.out_channels});
  const WriteMode mode = sweep.write_mode();
  const Grade grade = g.stem ? Grade::real : Grade::stored;
  const auto build = [=](const Side& side, Work& work) {
    engine::Context& context = side.context();
    Tensor& dw =
        work.output("dweights", grade, context.empty(g.weights(), side.real(), context.weight_layout()));
    Tensor& db = work.output("dbias", Grade::real, context.empty({g.out_channels}, side.real()));
    if (mode == WriteMode::accumulate) put(before.values, dw);
    if (mode == WriteMode::accumulate) put(bias_before.values, db);
    work.run = [&dw, &db, &context, g, mode, x = input(side, g, x), dy = side.features(dy)] {
      ops::convolution_backward_weights(context, x, dy, g.shape, dw, mode, db, mode);
      ops::join(context);
    };
  };
  sweep.add({g.name(" backward weights") + suffix(mode), g.text(), build, moved(sweep, g), g.flops()});
}

void directions(Sweep& sweep, const Geometry& g) {
  forward(sweep, g, false);
  if (!g.stem && g.shape.stride == 1) forward(sweep, g, true);
  backward_data(sweep, g);
  backward_weights(sweep, g);
  if (g.stem) backward_langevin(sweep, g);
}

// Channels of a network: a library may refuse others.
Geometry random_geometry(Generator& random, std::int64_t kernel, int stride) {
  const std::int64_t in = random.pick({16, 32, 48, 80}), out = random.pick({16, 32, 64, 96});
  return {{random.integer(2, 4), in, random.integer(4, 9), random.integer(4, 9)},
          out,
          kernel,
          {.stride = stride, .padding = kernel == 3 ? 1 : 0}};
}

// Every convolution of a Wide-ResNet on images of 32 pixels: the first block of a stage changes the channels,
// then, but for the first stage, halves the sides.
std::vector<Geometry> network(std::int64_t width) {
  constexpr std::int64_t kBatch = 64;
  std::vector<Geometry> out;
  std::int64_t channels = 16, side = 32;
  for (int stage = 0; stage < 3; ++stage) {
    const std::int64_t wide = 16 * width << stage;
    const int stride = stage > 0 ? 2 : 1;
    out.push_back({{kBatch, channels, side, side}, wide, 3, {}});
    if (stride > 1) out.push_back({{kBatch, wide, side, side}, wide, 3, {.stride = stride, .padding = 1}});
    out.push_back({{kBatch, channels, side, side}, wide, 1, {.stride = stride, .padding = 0}});
    side /= stride;
    channels = wide;
    out.push_back({{kBatch, channels, side, side}, channels, 3, {}});
  }
  return out;
}

}  // namespace

void convolution_cases(Sweep& sweep) {
  const bool stem = sweep.precision() != Precision::tf32;  // its kernels have no tf32
  if (sweep.recipes()) {
    if (stem) directions(sweep, {{64, 3, 32, 32}, 16, 3, {}, true});
    for (const std::int64_t width : {10, 2})
      for (const Geometry& g : network(width)) directions(sweep, g);
    return;
  }
  if (stem) directions(sweep, {sweep.images(), sweep.random().pick({16, 32}), 3, {}, true});
  for (int repeat = 0; repeat < (sweep.quick() ? 1 : 3); ++repeat) {
    directions(sweep, random_geometry(sweep.random(), 3, 1));
    directions(sweep, random_geometry(sweep.random(), 3, 2));
    directions(sweep, random_geometry(sweep.random(), 1, sweep.random().coin() ? 1 : 2));
  }
  if (!sweep.work_shapes()) return;
  if (stem) directions(sweep, {{64, 3, 32, 32}, 16, 3, {}, true});
  directions(sweep, {{64, 640, 8, 8}, 640, 3, {}});
  if (sweep.precision() != Precision::bf16) return;
  directions(sweep, {{64, 160, 32, 32}, 160, 3, {}});
  directions(sweep, {{64, 320, 16, 16}, 320, 3, {}});
  directions(sweep, {{64, 160, 32, 32}, 320, 1, {.stride = 2, .padding = 0}});
}

}  // namespace mebm::selftest
