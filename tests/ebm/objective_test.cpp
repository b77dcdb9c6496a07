// The three L2 forms against formulas written out by hand, with their gradients.

#include "ebm/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "tests/reference/test_data.h"

namespace mebm::ebm {
namespace {

using reference::Values;

double mean_of(const Values& v) {
  double sum = 0;
  for (double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

double mean_square(const Values& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return sum / static_cast<double>(v.size());
}

struct Result {
  double loss;
  Values positive, negative;  // gradients
};

Result run(const Values& positive, const Values& negative, double alpha, L2Form form) {
  engine::Context context;
  autograd::Tape tape(context);
  const auto leaf = [&](const Values& values) {
    engine::Tensor t = context.empty({static_cast<std::int64_t>(values.size())}, engine::DType::fp64);
    engine::ops::write(values, t);
    return tape.leaf(t);
  };
  const autograd::Variable p = leaf(positive), n = leaf(negative),
                           loss = energy_loss(tape, p, n, alpha, form);
  tape.backward(loss);
  Result out{engine::ops::scalar(loss.value), Values(positive.size()), Values(negative.size())};
  engine::ops::read(tape.gradient(p), out.positive);
  engine::ops::read(tape.gradient(n), out.negative);
  return out;
}

TEST(Objective, ThreeFormsAndTheirGradients) {
  const Values p = reference::random_values(7, 1, -2, 3), n = reference::random_values(5, 2, -3, 1);
  for (double alpha : {0.0, 0.1, 0.5})
    for (L2Form form : {L2Form::paper, L2Form::reference, L2Form::means}) {
      const double contrast = mean_of(p) - mean_of(n), mp = mean_of(p), mn = mean_of(n);
      const bool square_p = form != L2Form::means, square_n = form == L2Form::paper;
      const double r = (square_p ? mean_square(p) : mp * mp) + (square_n ? mean_square(n) : mn * mn);
      const Result result = run(p, n, alpha, form);
      EXPECT_NEAR(result.loss, contrast + alpha * r, 1e-14);
      Values dp, dn;
      for (double e : p) dp.push_back((1 + alpha * 2 * (square_p ? e : mp)) / 7);
      for (double e : n) dn.push_back((-1 + alpha * 2 * (square_n ? e : mn)) / 5);
      EXPECT_TRUE(reference::within(result.positive, dp, 1e-15));
      EXPECT_TRUE(reference::within(result.negative, dn, 1e-15));
    }
}

// The forms differ: by the variance of E on the side they treat differently.
TEST(Objective, FormsAreToldApart) {
  const Values p{1, 3}, n{0, 4};
  EXPECT_NEAR(run(p, n, 1, L2Form::paper).loss, 0 + 5 + 8, 1e-15);
  EXPECT_NEAR(run(p, n, 1, L2Form::reference).loss, 0 + 5 + 4, 1e-15);
  EXPECT_NEAR(run(p, n, 1, L2Form::means).loss, 0 + 4 + 4, 1e-15);
}

TEST(Objective, Parsing) {
  EXPECT_EQ(parse_l2_form("paper"), L2Form::paper);
  EXPECT_EQ(parse_l2_form("reference"), L2Form::reference);
  EXPECT_EQ(parse_l2_form("means"), L2Form::means);
  EXPECT_THAT([] { parse_l2_form("mean"); },
              ::testing::ThrowsMessage<engine::InputError>(::testing::HasSubstr(
                  "objective.l2_form 'mean' is unknown; known: paper, reference, means")));
}

}  // namespace
}  // namespace mebm::ebm
