// Pooling, linear layers and functions of logits.

#include "engine/ops/dense.h"

#include "selftest/case.h"

namespace mebm::selftest {

using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

namespace {

std::string suffix(WriteMode mode) {
  return mode == WriteMode::accumulate ? ", added" : "";
}

// An output in the run's type, poisoned or holding `before`.
Tensor& target(const Side& side, Work& work, const char* name, const Array& before, WriteMode mode) {
  Tensor& out = work.output(name, Grade::real, side.context().empty(before.shape, side.real()));
  if (mode == WriteMode::accumulate) put(before.values, out);
  return out;
}

void pooling(Sweep& sweep, const Shape& shape) {
  Generator& random = sweep.random();
  const Array x = random.values(shape), dy = random.values({shape[0], shape[1]}),
              before = random.values(shape);
  const WriteMode mode = sweep.write_mode();
  const double one = sweep.feature_bytes() * static_cast<double>(shape.elements());
  sweep.add({"average pooling", text(shape),
             [x](const Side& side, Work& work) {
               Tensor& y = work.output("features", Grade::real);
               work.run = [&y, &context = side.context(), x = side.features(x)] {
                 y = ops::global_average_pool(context, x);
               };
             },
             one});
  sweep.add({"average pooling backward" + suffix(mode), text(shape),
             [=](const Side& side, Work& work) {
               Tensor& dx = work.output("dx", Grade::stored, side.empty_features(before.shape));
               if (mode == WriteMode::accumulate) put(before.values, dx);
               work.run = [&dx, &context = side.context(), mode, dy = side.plain(dy)] {
                 ops::global_average_pool_backward(context, dy, dx, mode);
               };
             },
             one * (mode == WriteMode::accumulate ? 2 : 1)});
}

void linear(Sweep& sweep, std::int64_t rows, std::int64_t in, std::int64_t out) {
  Generator& random = sweep.random();
  const Array x = random.values({rows, in}), weights = random.weights({out, in}), bias = random.values({out}),
              dy = random.values({rows, out});
  const Array x_before = random.values({rows, in}), w_before = random.values({out, in}),
              b_before = random.values({out});
  const WriteMode mode = sweep.write_mode();
  const std::string shape = fmt::format("{}x{} -> {}", rows, in, out);
  const double bytes = 4.0 * static_cast<double>(rows * in + out * in + rows * out);
  sweep.add({"linear", shape,
             [=](const Side& side, Work& work) {
               Tensor& y = work.output("y", Grade::real);
               work.run = [&y, &context = side.context(), x = side.plain(x), w = side.parameter(weights),
                           b = side.parameter(bias)] { y = ops::linear(context, x, w, b); };
             },
             bytes});
  sweep.add({"linear backward input" + suffix(mode), shape,
             [=](const Side& side, Work& work) {
               Tensor& dx = target(side, work, "dx", x_before, mode);
               work.run = [&dx, &context = side.context(), mode, dy = side.plain(dy),
                           w = side.parameter(weights)] {
                 ops::linear_backward_input(context, dy, w, dx, mode);
               };
             },
             bytes});
  sweep.add({"linear backward weights" + suffix(mode), shape,
             [=](const Side& side, Work& work) {
               Tensor& dw = target(side, work, "dweights", w_before, mode);
               Tensor& db = target(side, work, "dbias", b_before, mode);
               work.run = [&dw, &db, &context = side.context(), mode, x = side.plain(x),
                           dy = side.plain(dy)] {
                 ops::linear_backward_weights(context, x, dy, &dw, mode, &db, mode);
               };
             },
             bytes});
}

std::vector<std::int32_t> random_labels(Generator& random, const Shape& logits) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < logits[0]; ++i)
    labels.push_back(static_cast<std::int32_t>(random.integer(0, logits[1] - 1)));
  return labels;
}

// Forward functions of logits share their inputs.
struct Logits {
  Array logits;
  std::vector<std::int32_t> labels;
  double bytes;
};

void logit_values(Sweep& sweep, const Logits& in) {
  using Function = Tensor (*)(engine::Context&, const Tensor& logits, const Tensor& labels);
  const std::pair<const char*, Function> functions[] = {
      {"logsumexp", [](engine::Context& context, const Tensor& logits,
                       const Tensor&) { return ops::logsumexp(context, logits); }},
      {"gather class", ops::gather_class},
      {"cross-entropy", ops::cross_entropy}};
  for (const auto& [name, function] : functions)
    sweep.add({name, text(in.logits.shape),
               [in, function = function](const Side& side, Work& work) {
                 Tensor& out = work.output("out", Grade::real);
                 work.run = [&out, &context = side.context(), function, logits = side.plain(in.logits),
                             labels = ops::make_labels(side.context(), in.labels, in.logits.shape[1])] {
                   out = function(context, logits, labels);
                 };
               },
               in.bytes});
}

void logit_gradients(Sweep& sweep, const Logits& in) {
  Generator& random = sweep.random();
  using Function = void (*)(engine::Context&, const Tensor& logits, const Tensor& labels, const Tensor& dout,
                            Tensor& dlogits, WriteMode mode);
  const std::pair<const char*, Function> functions[] = {
      {"logsumexp backward",
       [](engine::Context& context, const Tensor& logits, const Tensor&, const Tensor& dout, Tensor& dlogits,
          WriteMode mode) { ops::logsumexp_backward(context, logits, dout, dlogits, mode); }},
      {"gather class backward",
       [](engine::Context& context, const Tensor&, const Tensor& labels, const Tensor& dout, Tensor& dlogits,
          WriteMode mode) { ops::gather_class_backward(context, labels, dout, dlogits, mode); }},
      {"cross-entropy backward", ops::cross_entropy_backward}};
  for (const auto& [name, function] : functions) {
    const bool one = std::string_view(name) == "cross-entropy backward";
    const Array dout = random.values({one ? 1 : in.logits.shape[0]}, 0.5, 1.5),
                before = random.values(in.logits.shape);
    const WriteMode mode = sweep.write_mode();
    sweep.add({name + suffix(mode), text(in.logits.shape),
               [=, function = function](const Side& side, Work& work) {
                 Tensor& dlogits = target(side, work, "dlogits", before, mode);
                 work.run = [&dlogits, &context = side.context(), function, mode,
                             logits = side.plain(in.logits), dout = side.plain(dout),
                             labels = ops::make_labels(side.context(), in.labels, in.logits.shape[1])] {
                   function(context, logits, labels, dout, dlogits, mode);
                 };
               },
               in.bytes * (mode == WriteMode::accumulate ? 3 : 2)});
  }
}

}  // namespace

void pooling_cases(Sweep& sweep) {
  for (const Shape& shape : sweep.pooled_shapes()) pooling(sweep, shape);
}

void dense_cases(Sweep& sweep) {
  Generator& random = sweep.random();
  const auto logits = [&](const Shape& shape) {
    const Logits in{random.values(shape, -4, 6), random_labels(random, shape),
                    4 * static_cast<double>(shape.elements())};
    logit_values(sweep, in);
    logit_gradients(sweep, in);
  };
  for (const Shape& shape : sweep.matrix_shapes()) {
    linear(sweep, shape[0], shape[1], random.pick({1, 10, 33}));
    logits(shape);
  }
  if (sweep.recipes()) {
    for (const std::int64_t features : {640, 128}) {
      linear(sweep, 128, features, 1);
      linear(sweep, 128, features, 10);
    }
    logits({128, 10});
  }
  if (!sweep.work_shapes()) return;
  linear(sweep, 64, 640, 1);
  linear(sweep, 128, 640, 10);
}

}  // namespace mebm::selftest
