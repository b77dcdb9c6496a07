#include "tests/autograd/gradient_check.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "engine/ops/elementwise.h"
#include "tests/reference/test_data.h"

namespace mebm::autograd {

using engine::Context;
using engine::Shape;
using engine::Tensor;

namespace {

// Truncation is of order h^2 = 1e-10 times the third derivative, rounding of order 1e-16 / h = 1e-11.
constexpr double kStep = 1e-5;

std::vector<Variable> leaves(Context& context, Tape& tape, const OperationCase& c, const Point& point) {
  std::vector<Variable> out;
  for (std::size_t k = 0; k < c.inputs.size(); ++k)
    out.push_back(tape.leaf(make_tensor(context, c.inputs[k], point.inputs[k])));
  return out;
}

Values gradient_of(const Tape& tape, const Variable& leaf) {
  const Tensor gradient = tape.gradient(leaf);
  return gradient.defined() ? read_tensor(gradient) : Values(static_cast<std::size_t>(leaf.value.elements()));
}

// <seed, output> and the signs of the output.
double evaluate(Context& context, const OperationCase& c, const Point& point, std::vector<bool>* signs) {
  Tape tape(context);
  tape.set_recording(false);
  const Values output = read_tensor(c.apply(tape, leaves(context, tape, c, point)).value);
  long double sum = 0;
  for (std::size_t i = 0; i < output.size(); ++i) sum += static_cast<long double>(output[i]) * point.seed[i];
  signs->clear();
  for (double value : output) signs->push_back(value > 0);
  return static_cast<double>(sum);
}

// Every number of a point, inputs first, then the seed.
std::vector<double*> coordinates(Point& point, bool with_seed) {
  std::vector<double*> out;
  for (Values& values : point.inputs)
    for (double& value : values) out.push_back(&value);
  for (std::size_t i = 0; with_seed && i < point.seed.size(); ++i) out.push_back(&point.seed[i]);
  return out;
}

// Compares `analytic` (in the order of coordinates()) with differences of `function`, whose second result is
// the side of every kink: where the two sides of a difference disagree the element is left out and counted.
template <typename Function>
CheckResult compare(const OperationCase& c, Point point, bool with_seed, const Values& analytic,
                    const Function& function) {
  CheckResult result;
  std::vector<double> errors;
  const std::vector<double*> all = coordinates(point, with_seed);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double before = *all[i];
    std::vector<bool> above, below;
    *all[i] = before + kStep;
    const double high = function(point, &above);
    *all[i] = before - kStep;
    const double low = function(point, &below);
    *all[i] = before;
    if (c.kink && above != below) {
      ++result.at_kink;
      continue;
    }
    const double numeric = (high - low) / (2 * kStep);
    ++result.checked;
    errors.push_back(std::abs(numeric - analytic[i]));
    result.largest_component = std::max({result.largest_component, std::abs(numeric), std::abs(analytic[i])});
  }
  for (double error : errors)
    result.largest_error =
        std::max(result.largest_error,
                 std::isfinite(error) ? error / std::max(result.largest_component, 1e-4) : INFINITY);
  return result;
}

}  // namespace

Tensor make_tensor(Context& context, const Shape& shape, const Values& values) {
  Tensor tensor = context.empty(shape, engine::DType::fp64);
  engine::ops::write(values, tensor);
  return tensor;
}

Tensor random_tensor(Context& context, const Shape& shape, std::uint32_t seed, double low, double high) {
  return make_tensor(context, shape,
                     reference::random_values(static_cast<std::size_t>(shape.elements()), seed, low, high));
}

Values read_tensor(const Tensor& tensor) {
  Values out(static_cast<std::size_t>(tensor.elements()));
  engine::ops::read(tensor, out);
  return out;
}

Point random_point(Context& context, const OperationCase& c) {
  Point point;
  std::uint32_t seed = 1;
  for (const Shape& shape : c.inputs)
    point.inputs.push_back(
        reference::random_values(static_cast<std::size_t>(shape.elements()), seed++, c.low, c.high));
  Tape tape(context);
  tape.set_recording(false);
  const Variable output = c.apply(tape, leaves(context, tape, c, point));
  point.seed = reference::random_values(static_cast<std::size_t>(output.value.elements()), seed);
  return point;
}

std::vector<Values> first_gradients(Context& context, const OperationCase& c, const Point& point) {
  Tape tape(context);
  const std::vector<Variable> inputs = leaves(context, tape, c, point);
  const Variable output = c.apply(tape, inputs);
  tape.backward(output, make_tensor(context, output.value.shape(), point.seed));
  std::vector<Values> out;
  for (const Variable& input : inputs) out.push_back(gradient_of(tape, input));
  return out;
}

CheckResult check_first(Context& context, const OperationCase& c) {
  const Point point = random_point(context, c);
  Values analytic;
  for (const Values& gradient : first_gradients(context, c, point))
    analytic.insert(analytic.end(), gradient.begin(), gradient.end());
  return compare(c, point, false, analytic,
                 [&](const Point& at, std::vector<bool>* signs) { return evaluate(context, c, at, signs); });
}

CheckResult check_second(Context& context, const OperationCase& c) {
  const Point point = random_point(context, c);
  std::vector<Values> directions;
  for (std::size_t k = 0; k < c.inputs.size(); ++k)
    directions.push_back(
        reference::random_values(point.inputs[k].size(), 100 + static_cast<std::uint32_t>(k)));

  Tape tape(context);
  const std::vector<Variable> inputs = leaves(context, tape, c, point);
  const Variable output = c.apply(tape, inputs);
  const Variable seed = tape.leaf(make_tensor(context, output.value.shape(), point.seed));
  const std::vector<Variable> gradients = tape.gradients(output, seed, inputs);
  Variable h;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    if (!gradients[k].value.defined()) continue;
    const Variable direction{make_tensor(context, c.inputs[k], directions[k])};
    const Variable term = sum(tape, multiply(tape, gradients[k], direction));
    h = h.value.defined() ? add(tape, h, term) : term;
  }
  tape.backward(h);
  Values analytic;
  const auto append = [&](const Variable& leaf) {
    const Values gradient = gradient_of(tape, leaf);
    analytic.insert(analytic.end(), gradient.begin(), gradient.end());
  };
  for (const Variable& input : inputs) append(input);
  append(seed);
  return compare(c, point, true, analytic, [&](const Point& at, std::vector<bool>* signs) {
    evaluate(context, c, at, signs);
    const std::vector<Values> first = first_gradients(context, c, at);
    long double value = 0;
    for (std::size_t k = 0; k < first.size(); ++k)
      for (std::size_t i = 0; i < first[k].size(); ++i)
        value += static_cast<long double>(first[k][i]) * directions[k][i];
    return static_cast<double>(value);
  });
}

}  // namespace mebm::autograd
