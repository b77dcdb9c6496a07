// Every operation: gradients against central differences, repeatability, accumulation, versions, second
// derivatives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "autograd/ops/elementwise.h"
#include "engine/ops/elementwise.h"
#include "tests/autograd/gradient_check.h"
#include "tests/reference/test_data.h"

namespace mebm::autograd {
namespace {

using ::testing::HasSubstr;

std::string text_of(const OperationCase& c) {
  return c.operation + (c.variant.empty() ? "" : ": " + c.variant);
}

template <typename Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const engine::Error& error) {
    return error.what();
  }
  return "";
}

// The sources are the list of operations: one without a case fails here.
TEST(Operations, EveryOneHasACase) {
  std::set<std::string> defined, tested;
  const std::regex pattern("Operation\\s+k\\w+\\s*\\{\\s*\"(\\w+)\"");
  for (const auto& entry : std::filesystem::directory_iterator(MEBM_SOURCE_DIR "/autograd/ops")) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator i(source.begin(), source.end(), pattern), end; i != end; ++i)
      defined.insert((*i)[1]);
  }
  for (const OperationCase& c : operation_cases()) tested.insert(c.operation);
  EXPECT_GE(defined.size(), 19u);
  EXPECT_EQ(defined, tested);
}

TEST(Operations, FirstDerivativesMatchCentralDifferences) {
  engine::Context context;
  double worst = 0;
  int checked = 0, at_kink = 0;
  for (const OperationCase& c : operation_cases()) {
    const CheckResult result = check_first(context, c);
    EXPECT_LE(result.largest_error, 1e-6) << text_of(c);
    EXPECT_GT(result.largest_component, 1e-4) << text_of(c) << ": the check says nothing";
    EXPECT_LE(result.at_kink, result.checked / 10) << text_of(c);
    worst = std::max(worst, result.largest_error);
    checked += result.checked;
    at_kink += result.at_kink;
  }
  std::printf(
      "first derivatives: largest error %.2g over %d elements; %.2f %% left out at LeakyReLU's kink\n", worst,
      checked, 100.0 * at_kink / (checked + at_kink));
}

TEST(Operations, SecondDerivativesMatchCentralDifferences) {
  engine::Context context;
  double worst = 0;
  int checked = 0, at_kink = 0;
  for (const OperationCase& c : operation_cases()) {
    if (!c.twice) continue;
    const CheckResult result = check_second(context, c);
    EXPECT_LE(result.largest_error, 1e-6) << text_of(c);
    EXPECT_GT(result.largest_component, 1e-4) << text_of(c) << ": the check says nothing";
    worst = std::max(worst, result.largest_error);
    checked += result.checked;
    at_kink += result.at_kink;
  }
  std::printf("second derivatives: largest error %.2g over %d elements; %.2f %% left out\n", worst, checked,
              100.0 * at_kink / (checked + at_kink));
}

// An operation whose backward cannot be recorded throws and names itself: never a silent zero.
TEST(Operations, UnavailableSecondDerivativesNameTheOperation) {
  engine::Context context;
  std::set<std::string> unavailable;
  for (const OperationCase& c : operation_cases()) {
    if (c.twice) continue;
    const std::string message = message_of([&] { check_second(context, c); });
    EXPECT_THAT(message, HasSubstr("'" + c.operation + "'")) << text_of(c);
    EXPECT_THAT(message, HasSubstr("second derivatives")) << text_of(c);
    unavailable.insert(c.operation);
  }
  EXPECT_FALSE(unavailable.empty());
}

// A kink inside the step is left out, and only that element.
TEST(Operations, KinkExclusionCountsTheElement) {
  engine::Context context;
  OperationCase c{"leaky_relu", "at 0", {{3}}, [](Tape& t, const std::vector<Variable>& in) {
                    const Variable shift{make_tensor(t.context(), {3}, {1e-6, 0, 0})};
                    return leaky_relu(
                        t, add(t, multiply(t, in[0], {make_tensor(t.context(), {3}, {0, 1, 1})}), shift),
                        0.2);
                  }};
  c.kink = true;
  EXPECT_EQ(check_first(context, c).at_kink, 0);  // element 0 does not move
  c.apply = [](Tape& t, const std::vector<Variable>& in) {
    const Values point = read_tensor(in[0].value);
    return leaky_relu(
        t, add(t, in[0], {make_tensor(t.context(), {3}, {-reference::random_values(3, 1)[0], 0, 0})}), 0.2);
  };
  const CheckResult result = check_first(context, c);
  EXPECT_EQ(result.at_kink, 1);
  EXPECT_LE(result.largest_error, 1e-6);
}

// A planted error of one per cent in one gradient is reported.
TEST(Operations, TheCheckCatchesAWrongGradient) {
  engine::Context context;
  static const Operation kWrong{"wrong",
                                [](BackwardContext& b) {
                                  engine::Tensor g = engine::ops::clone(b.context(), b.gradient());
                                  g.as<double>()[1] *= 1.01;
                                  b.pass(0, g);
                                },
                                nullptr};
  const OperationCase c{"wrong", "", {{4}}, [](Tape& t, const std::vector<Variable>& in) {
                          Variable out{engine::ops::clone(t.context(), in[0].value)};
                          t.record(kWrong, {in[0].slot}, out);
                          return out;
                        }};
  EXPECT_GT(check_first(context, c).largest_error, 1e-4);
}

TEST(Operations, BackwardTwiceGivesTheSameBits) {
  engine::Context context;
  for (const OperationCase& c : operation_cases()) {
    const Point point = random_point(context, c);
    EXPECT_EQ(first_gradients(context, c, point), first_gradients(context, c, point)) << text_of(c);
  }
}

// The gradient of an input that something else uses too is the sum of both contributions, whichever comes
// first.
TEST(Operations, ContributionsAccumulate) {
  engine::Context context;
  for (const OperationCase& c : operation_cases())
    for (bool before : {false, true}) {
      const Point point = random_point(context, c);
      const std::vector<Values> alone = first_gradients(context, c, point);
      OperationCase both = c;
      both.apply = [&](Tape& t, const std::vector<Variable>& in) {
        Variable total = before ? c.apply(t, in) : Variable{};
        Variable rest;
        for (const Variable& variable : in) {
          const Variable term = scale(t, sum(t, variable), 0.5);
          rest = rest.value.defined() ? add(t, rest, term) : term;
        }
        if (!before) total = c.apply(t, in);
        const Variable weighted =
            multiply(t, total, {make_tensor(t.context(), total.value.shape(), point.seed)});
        return add(t, sum(t, weighted), rest);
      };
      const std::vector<Values> sums = first_gradients(context, both, {point.inputs, {1}});
      for (std::size_t k = 0; k < sums.size(); ++k) {
        Values expected = alone[k];
        double largest = 1;
        for (double& value : expected) {
          value += 0.5;
          largest = std::max(largest, std::abs(value));
        }
        // One more addition; convolutions may sum their products onto the other contribution.
        EXPECT_TRUE(reference::within(sums[k], expected, 1e-14 * largest)) << text_of(c) << " input " << k;
      }
    }
}

// Changing a saved value in place before backward is an error that names the operation; operations that save
// no input do not mind.
TEST(Operations, ChangingASavedValueIsAnError) {
  engine::Context context;
  const std::set<std::string> save_nothing{"add",
                                           "scale",
                                           "sum",
                                           "expand",
                                           "rows",
                                           "place_rows",
                                           "reshape",
                                           "leaky_relu_slope",
                                           "global_average_pool",
                                           "gather_class"};
  for (const OperationCase& c : operation_cases()) {
    const Point point = random_point(context, c);
    Tape tape(context);
    std::vector<Variable> inputs;
    for (std::size_t k = 0; k < c.inputs.size(); ++k)
      inputs.push_back(tape.leaf(make_tensor(context, c.inputs[k], point.inputs[k])));
    const Variable output = c.apply(tape, inputs);
    engine::ops::write(point.inputs[0], inputs[0].value);
    const std::string message =
        message_of([&] { tape.backward(output, make_tensor(context, output.value.shape(), point.seed)); });
    if (save_nothing.contains(c.operation)) {
      EXPECT_EQ(message, "") << text_of(c);
    } else {
      EXPECT_THAT(message, HasSubstr(c.operation + ": value ")) << text_of(c);
      EXPECT_THAT(message, HasSubstr("changed in place")) << text_of(c);
    }
  }
}

}  // namespace
}  // namespace mebm::autograd
