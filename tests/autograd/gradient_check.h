#pragma once
// Float64 gradient checks by central differences, for first derivatives (Tape::backward) and second
// derivatives (Tape::gradients, then backward through them).

#include <functional>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "tests/reference/oracle.h"

namespace mebm::autograd {

using reference::Values;

// One operation on inputs of given shapes. Every input is a leaf; constants are captured by `apply`.
struct OperationCase {
  std::string operation;  // the name on the tape
  std::string variant;
  std::vector<engine::Shape> inputs;
  std::function<Variable(Tape&, const std::vector<Variable>&)> apply;
  bool twice = false;  // second derivatives are available
  bool kink = false;   // the sign of the output is the side of LeakyReLU's kink
  double low = -1, high = 1;
};

std::vector<OperationCase> operation_cases();

engine::Tensor make_tensor(engine::Context& context, const engine::Shape& shape, const Values& values);
engine::Tensor random_tensor(engine::Context& context, const engine::Shape& shape, std::uint32_t seed,
                             double low = -1, double high = 1);
Values read_tensor(const engine::Tensor& tensor);

// Values of all inputs, then of the seed of the output.
struct Point {
  std::vector<Values> inputs;
  Values seed;
};
Point random_point(engine::Context& context, const OperationCase& c);

// Gradients of <seed, output> with respect to every input, by Tape::backward.
std::vector<Values> first_gradients(engine::Context& context, const OperationCase& c, const Point& point);

struct CheckResult {
  double largest_error = 0;  // |difference|, over the largest component of the whole gradient
  double largest_component = 0;
  int checked = 0, at_kink = 0;
};

// Analytic first derivatives against central differences of <seed, output>.
CheckResult check_first(engine::Context& context, const OperationCase& c);
// h = sum_k <v_k, d<seed, output>/dx_k>: its recorded gradient with respect to inputs and seed against
// central differences of the first derivatives.
CheckResult check_second(engine::Context& context, const OperationCase& c);

}  // namespace mebm::autograd
