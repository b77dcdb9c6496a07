// Elementwise arithmetic, copies, sums, and the optimiser's step.

#include "engine/ops/elementwise.h"

#include <array>

#include "engine/device/convolution_cache.h"
#include "engine/ops/optimizer.h"
#include "selftest/case.h"

namespace mebm::selftest {

using engine::DType;
using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

std::string suffix(WriteMode mode) {
  return mode == WriteMode::accumulate ? ", added" : "";
}

void copies(Sweep& sweep, const Shape& shape) {
  Generator& random = sweep.random();
  const Array from = random.values(shape), before = random.values(shape);
  const WriteMode mode = sweep.write_mode();
  const Grade grade = mode == WriteMode::accumulate ? Grade::stored : Grade::exact;
  const double one = static_cast<double>(shape.elements()),
               bytes = one * (4 + sweep.feature_bytes() * (mode == WriteMode::accumulate ? 2 : 1));
  sweep.add({"copy to features" + suffix(mode), text(shape),
             [=](const Side& side, Work& work) {
               Tensor& to = work.output("to", grade, side.empty_features(from.shape));
               if (mode == WriteMode::accumulate) put(before.values, to);
               work.run = [&to, &context = side.context(), mode, from = side.plain(from)] {
                 ops::copy(context, from, to, mode);
               };
             },
             bytes});
  sweep.add({"copy from features" + suffix(mode), text(shape),
             [=](const Side& side, Work& work) {
               Tensor& to = work.output("to", mode == WriteMode::accumulate ? Grade::real : Grade::exact,
                                        side.context().empty(from.shape, side.real()));
               if (mode == WriteMode::accumulate) put(before.values, to);
               work.run = [&to, &context = side.context(), mode, from = side.features(from)] {
                 ops::copy(context, from, to, mode);
               };
             },
             bytes});
  sweep.add({"clone", text(shape),
             [=](const Side& side, Work& work) {
               Tensor& to = work.output("to", Grade::exact);
               work.run = [&to, &context = side.context(), from = side.features(from)] {
                 to = ops::clone(context, from);
               };
             },
             2 * sweep.feature_bytes() * one});
}

void arithmetic(Sweep& sweep, const Shape& shape) {
  Generator& random = sweep.random();
  const Array a = random.values(shape), b = random.values(shape), before = random.values(shape);
  const WriteMode mode = sweep.write_mode();
  const double beta = sweep.recipes() || random.coin() ? 0 : -0.5,
               one = sweep.feature_bytes() * static_cast<double>(shape.elements());
  sweep.add({beta == 0 ? "y = alpha x" : "y = alpha x + beta y", text(shape),
             [=](const Side& side, Work& work) {
               Tensor& y = work.output("y", Grade::stored, side.empty_features(a.shape));
               if (beta != 0) put(before.values, y);
               work.run = [&y, &context = side.context(), beta, x = side.features(a)] {
                 ops::axpby(context, 0.75, x, beta, y);
               };
             },
             one * (beta == 0 ? 2 : 3)});
  sweep.add({"multiply" + suffix(mode), text(shape),
             [=](const Side& side, Work& work) {
               Tensor& out = work.output("out", Grade::stored, side.empty_features(a.shape));
               if (mode == WriteMode::accumulate) put(before.values, out);
               work.run = [&out, &context = side.context(), mode, a = side.features(a),
                           b = side.features(b)] { ops::multiply(context, 1.5, a, b, out, mode); };
             },
             one * (mode == WriteMode::accumulate ? 4 : 3)});
  sweep.add({"fill", text(shape),
             [shape](const Side& side, Work& work) {
               Tensor& out = work.output("out", Grade::exact, side.empty_features(shape));
               work.run = [&out, &context = side.context()] { ops::fill(context, -0.3125, out); };
             },
             one});
}

void sums(Sweep& sweep, const Shape& shape) {
  Generator& random = sweep.random();
  const Array x = random.values(shape, 0.5, 1.5), second = random.values({257}, 0.5, 1.5),
              before = random.values({1}, 0.5, 1.5);
  const double one = sweep.feature_bytes() * static_cast<double>(shape.elements());
  for (const bool wide : {false, true})
    sweep.add({wide ? "sum, to fp64" : "sum, added", text(shape),
               [=](const Side& side, Work& work) {
                 Tensor& out = work.output(
                     "sum", Grade::real, wide ? side.context().empty({1}, DType::fp64) : side.plain(before));
                 const WriteMode mode = wide ? WriteMode::overwrite : WriteMode::accumulate;
                 work.run = [&out, &context = side.context(), mode, x = side.narrow(x)] {
                   ops::sum_into(context, x, 0.25, out, mode);
                 };
               },
               one});
  sweep.add({"sum of squares", text(shape) + " and 257",
             [=](const Side& side, Work& work) {
               Tensor& out = work.output("sum", Grade::real, side.context().empty({1}, DType::fp64));
               work.run = [&out, &context = side.context(), x = side.narrow(x), y = side.narrow(second)] {
                 const std::array<const Tensor*, 2> both{&x, &y};
                 ops::sum_of_squares_into(context, both, out);
               };
             },
             one});
}

void broadcast(Sweep& sweep, const Shape& shape) {
  const Array value = sweep.random().values({1});
  sweep.add({"broadcast", text(shape),
             [=](const Side& side, Work& work) {
               Tensor& out = work.output("out", Grade::exact, side.context().empty(shape, side.real()));
               work.run = [&out, &context = side.context(), value = side.plain(value)] {
                 ops::broadcast(context, value, out);
               };
             },
             4 * static_cast<double>(shape.elements())});
}

// Through the engine's own transfers, which the other cases do without.
void transfer(Sweep& sweep, const Shape& shape) {
  const Array values = sweep.random().values(shape);
  sweep.add({"write, read", text(shape),
             [=](const Side& side, Work& work) {
               Tensor& out = work.output("values", Grade::exact, side.context().empty(shape, side.real()));
               work.run = [&out, values, there = side.empty_features(shape)]() mutable {
                 Values back(values.values.size());
                 ops::write(values.values, there);
                 ops::read(there, back);
                 put(back, out);
               };
             },
             8 * static_cast<double>(shape.elements())});
}

// Weight, velocity, gradient.
using Parameter = std::array<Array, 3>;

void sgd(Sweep& sweep, const std::vector<Shape>& shapes) {
  Generator& random = sweep.random();
  std::vector<Parameter> parameters;
  double bytes = 0;
  std::string name;
  for (const Shape& shape : shapes) {
    parameters.push_back({random.values(shape), random.values(shape), random.values(shape)});
    bytes += static_cast<double>(shape.elements()) * (20 + (sweep.precision() == Precision::bf16 ? 2 : 0));
    name += (name.empty() ? "" : ", ") + text(shape);
  }
  const auto build = [parameters](const Side& side, Work& work) {
    engine::Context& context = side.context();
    std::vector<ops::SgdTensors> tensors;
    std::vector<Tensor> gradients;
    std::vector<Tensor*> narrowed;
    for (const Parameter& p : parameters) gradients.push_back(side.plain(p[2]));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Tensor& weight = work.output("weights", Grade::real, side.parameter(parameters[i][0]));
      Tensor& velocity = work.output("momentum", Grade::real, side.plain(parameters[i][1]));
      tensors.push_back({&weight, &velocity, nullptr});
      // What convolutions read is written by the same launch.
      (void)context.convolutions().narrowed(weight);
      narrowed.push_back(&work.output("weights as convolutions read them", Grade::stored));
    }
    work.run = [=, &context, rate = side.wide({{1}, {0.0625}})] {
      std::vector<ops::SgdTensors> all = tensors;
      for (std::size_t i = 0; i < all.size(); ++i) all[i].gradient = &gradients[i];
      const engine::Scalar<double> cell(0.0625, &rate);
      ops::sgd_step(context, cell, 0.9, 5e-4, all);
      for (std::size_t i = 0; i < all.size(); ++i)
        *narrowed[i] = context.convolutions().narrowed(*all[i].weight);
    };
  };
  sweep.add({"SGD step", name, build, bytes});
}

}  // namespace

void elementwise_cases(Sweep& sweep) {
  for (const Shape& shape : sweep.map_shapes()) {
    copies(sweep, shape);
    arithmetic(sweep, shape);
    sums(sweep, shape);
    if (sweep.precision() != Precision::fp32) continue;
    broadcast(sweep, shape);
    if (!sweep.recipes()) transfer(sweep, shape);
  }
}

void optimizer_cases(Sweep& sweep) {
  if (sweep.recipes()) {
    for (const std::int64_t channels : {640, 128})
      sgd(sweep, {{channels, channels * 9}, {channels, channels * 9}, {channels}});
    return;
  }
  Generator& random = sweep.random();
  sgd(sweep,
      {{random.integer(1, 5)}, {random.pick({31, 33, 257}), random.integer(3, 9)}, {random.pick({1, 640})}});
  if (sweep.work_shapes()) sgd(sweep, {{640, 640 * 9}, {640, 640 * 9}, {640}});
}

}  // namespace mebm::selftest
