#include "autograd/ops/elementwise.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/normalization.h"

namespace mebm::autograd {
namespace {

using engine::Shape;
using engine::Tensor;
using engine::WriteMode;
namespace ops = engine::ops;

struct RowRange {
  std::int64_t begin, count, total;
};

const Operation kAdd{"add",
                     [](BackwardContext& b) {
                       for (std::size_t i = 0; i < 2; ++i)
                         if (b.needs(i)) b.pass(i, b.gradient());
                     },
                     [](RecordedBackward& b) {
                       for (std::size_t i = 0; i < 2; ++i)
                         if (b.needs(i)) b.give(i, b.gradient());
                     }};

const Operation kScale{
    "scale",
    [](BackwardContext& b) {
      const GradTarget to = b.target(0);
      ops::axpby(b.context(), b.attributes<double>(), b.gradient(), to.mode == WriteMode::accumulate ? 1 : 0,
                 *to.tensor);
    },
    [](RecordedBackward& b) { b.give(0, scale(b.tape(), b.gradient(), b.attributes<double>())); }};

const Operation kMultiply{"multiply",
                          [](BackwardContext& b) {
                            for (std::size_t i = 0; i < 2; ++i) {
                              if (!b.needs(i)) continue;
                              const GradTarget to = b.target(i);
                              ops::multiply(b.context(), 1, b.gradient(), b.saved(1 - i), *to.tensor,
                                            to.mode);
                            }
                          },
                          [](RecordedBackward& b) {
                            for (std::size_t i = 0; i < 2; ++i)
                              if (b.needs(i)) b.give(i, multiply(b.tape(), b.gradient(), b.saved(1 - i)));
                          }};

const Operation kSum{
    "sum",
    [](BackwardContext& b) {
      Tensor gradient = b.context().empty(b.shape(0), b.gradient().dtype());
      ops::broadcast(b.context(), b.gradient(), gradient);
      b.pass(0, gradient);
    },
    [](RecordedBackward& b) { b.give(0, expand(b.tape(), b.gradient(), b.attributes<Shape>())); }};

const Operation kExpand{"expand",
                        [](BackwardContext& b) {
                          Tensor gradient = b.context().empty({1}, b.gradient().dtype());
                          ops::sum_into(b.context(), b.gradient(), 1, gradient, WriteMode::overwrite);
                          b.pass(0, gradient);
                        },
                        [](RecordedBackward& b) { b.give(0, sum(b.tape(), b.gradient())); }};

const Operation kRows{"rows",
                      [](BackwardContext& b) {
                        const auto range = b.attributes<RowRange>();
                        const GradTarget to = b.target(0);
                        if (to.mode == WriteMode::overwrite) ops::fill(b.context(), 0, *to.tensor);
                        Tensor part = to.tensor->rows(range.begin, range.count);
                        ops::copy(b.context(), b.gradient(), part, WriteMode::accumulate);
                      },
                      [](RecordedBackward& b) {
                        const auto range = b.attributes<RowRange>();
                        b.give(0, place_rows(b.tape(), b.gradient(), range.begin, range.total));
                      }};

const Operation kPlaceRows{"place_rows",
                           [](BackwardContext& b) {
                             const auto range = b.attributes<RowRange>();
                             b.pass(0, b.gradient().rows(range.begin, range.count));
                           },
                           [](RecordedBackward& b) {
                             const auto range = b.attributes<RowRange>();
                             b.give(0, rows(b.tape(), b.gradient(), range.begin, range.count));
                           }};

const Operation kReshape{
    "reshape", [](BackwardContext& b) { b.pass(0, b.gradient().reshaped(b.shape(0))); },
    [](RecordedBackward& b) { b.give(0, reshape(b.tape(), b.gradient(), b.attributes<Shape>())); }};

const Operation kLeakyRelu{
    "leaky_relu",
    [](BackwardContext& b) {
      const GradTarget to = b.target(0);
      ops::leaky_relu_backward(b.context(), b.saved(0), b.gradient(), b.attributes<double>(), *to.tensor,
                               to.mode);
    },
    [](RecordedBackward& b) {
      b.give(0, leaky_relu_slope(b.tape(), b.saved(0), b.gradient(), b.attributes<double>()));
    },
    [](engine::Context& context, const Node& node) {
      return ops::leaky_relu(context, node.saved_variable(0).value, node.get<double>());
    }};

const Operation kLeakyReluSlope{"leaky_relu_slope", kLeakyRelu.backward, kLeakyRelu.backward_recorded};

}  // namespace

Variable add(Tape& tape, const Variable& a, const Variable& b) {
  Variable out{ops::clone(tape.context(), a.value)};
  ops::axpby(tape.context(), 1, b.value, 1, out.value);
  tape.record(kAdd, {a.slot, b.slot}, out);
  return out;
}

Variable scale(Tape& tape, const Variable& a, double factor) {
  Variable out{tape.context().empty(a.value.shape(), a.value.dtype(), a.value.layout())};
  ops::axpby(tape.context(), factor, a.value, 0, out.value);
  if (Node* node = tape.record(kScale, {a.slot}, out)) node->set(factor);
  return out;
}

Variable multiply(Tape& tape, const Variable& a, const Variable& b) {
  Variable out{tape.context().empty(a.value.shape(), a.value.dtype(), a.value.layout())};
  ops::multiply(tape.context(), 1, a.value, b.value, out.value, WriteMode::overwrite);
  if (Node* node = tape.record(kMultiply, {a.slot, b.slot}, out)) {
    node->save(a);
    node->save(b);
  }
  return out;
}

Variable subtract(Tape& tape, const Variable& a, const Variable& b) {
  return add(tape, a, scale(tape, b, -1));
}

Variable sum(Tape& tape, const Variable& a) {
  Variable out{tape.context().empty({1}, a.value.dtype())};
  ops::sum_into(tape.context(), a.value, 1, out.value, WriteMode::overwrite);
  if (Node* node = tape.record(kSum, {a.slot}, out)) node->set(a.value.shape());
  return out;
}

Variable mean(Tape& tape, const Variable& a) {
  return scale(tape, sum(tape, a), 1 / static_cast<double>(a.value.elements()));
}

Variable expand(Tape& tape, const Variable& a, const Shape& shape) {
  engine::require(a.value.elements() == 1, "expand: {} has more than one element", a.value.shape());
  Variable out{tape.context().empty(shape, a.value.dtype())};
  ops::broadcast(tape.context(), a.value, out.value);
  tape.record(kExpand, {a.slot}, out);
  return out;
}

Variable rows(Tape& tape, const Variable& a, std::int64_t begin, std::int64_t count) {
  Variable out{a.value.rows(begin, count)};
  if (Node* node = tape.record(kRows, {a.slot}, out)) node->set(RowRange{begin, count, a.value.extent(0)});
  return out;
}

Variable place_rows(Tape& tape, const Variable& a, std::int64_t begin, std::int64_t total) {
  Variable out{tape.context().empty(a.value.shape().with_rows(total), a.value.dtype(), a.value.layout())};
  ops::fill(tape.context(), 0, out.value);
  Tensor part = out.value.rows(begin, a.value.extent(0));
  ops::copy(tape.context(), a.value, part, WriteMode::overwrite);
  if (Node* node = tape.record(kPlaceRows, {a.slot}, out))
    node->set(RowRange{begin, a.value.extent(0), total});
  return out;
}

Variable flatten(Tape& tape, const Variable& a) {
  return reshape(tape, a, {a.value.elements()});
}

Variable reshape(Tape& tape, const Variable& a, const Shape& shape) {
  Variable out{a.value.reshaped(shape)};
  if (Node* node = tape.record(kReshape, {a.slot}, out)) node->set(a.value.shape());
  return out;
}

Variable leaky_relu(Tape& tape, const Variable& x, double leak) {
  Variable out{ops::leaky_relu(tape.context(), x.value, leak)};
  if (Node* node = tape.record(kLeakyRelu, {x.slot}, out)) {
    node->set(leak);
    node->save(x);
  }
  return out;
}

Variable leaky_relu_slope(Tape& tape, const Variable& x, const Variable& dz, double leak) {
  Variable out{tape.context().empty(dz.value.shape(), dz.value.dtype(), dz.value.layout())};
  ops::leaky_relu_backward(tape.context(), x.value, dz.value, leak, out.value, WriteMode::overwrite);
  if (Node* node = tape.record(kLeakyReluSlope, {dz.slot}, out)) {
    node->set(leak);
    node->save({x.value});
  }
  return out;
}

}  // namespace mebm::autograd
