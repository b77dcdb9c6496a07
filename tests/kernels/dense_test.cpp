// Pooling, fully connected layers and functions of logits against the oracle.

#include <gtest/gtest.h>

#include "kernels/linear/linear.h"
#include "kernels/pool/pool.h"
#include "kernels/softmax/softmax.h"
#include "tests/reference/test_data.h"

namespace mebm::kernels {
namespace {

using reference::absolute;
using reference::Guarded;
using reference::kRoundoff;
using reference::random_values;
using reference::sum_bound;
using reference::to_blocked;
using reference::Values;
using reference::within;

template <typename T>
class Dense : public ::testing::Test {};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Dense, Precisions);

std::size_t size(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

template <typename T>
void check_pool(int channels, int pixels, int block) {
  constexpr int kImages = 3;
  const FeatureMap map{kImages, channels, pixels, block};
  const Values x = random_values(size(kImages * channels, pixels), 1, -1, 2);
  const Guarded<T> in(to_blocked(kImages, channels, pixels, block, x, NAN));
  Guarded<T> features(size(kImages, channels));
  pool::global_average<T>({3}, map, in.data(), features.data());
  EXPECT_TRUE(features.intact());
  // Summed in fp64 and rounded once to T.
  Values bound = sum_bound<double>(reference::global_average(kImages, channels, pixels, absolute(x)), pixels);
  for (double& b : bound) b += 2 * kRoundoff<T>;
  EXPECT_TRUE(within(features.values(), reference::global_average(kImages, channels, pixels, x), bound));

  const Values d = random_values(size(kImages, channels), 2), before = random_values(x.size(), 3);
  Values expected(x.size()), total(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    expected[i] = d[i / static_cast<std::size_t>(pixels)] / pixels;
    total[i] = before[i] + expected[i];
  }
  const Guarded<T> dfeatures(d);
  Guarded<T> dx(in.size()), sum(to_blocked(kImages, channels, pixels, block, before, 0));
  pool::global_average_backward<T>({2}, map, dfeatures.data(), dx.data(), false);
  pool::global_average_backward<T>({2}, map, dfeatures.data(), sum.data(), true);
  EXPECT_TRUE(dx.intact() && sum.intact());
  // Padding channels are written with 0.
  EXPECT_TRUE(
      within(dx.values(), to_blocked(kImages, channels, pixels, block, expected, 0), 2 * kRoundoff<T>));
  EXPECT_TRUE(within(sum.values(), to_blocked(kImages, channels, pixels, block, total, 0), 4 * kRoundoff<T>));
}

TYPED_TEST(Dense, Pool) {
  for (int channels : {1, 16, 20, 48, 160})
    for (int pixels : {1, 31, 33, 257})
      for (int block : {1, 8, 16}) {
        SCOPED_TRACE(::testing::Message()
                     << channels << " channels, " << pixels << " pixels, block " << block);
        check_pool<TypeParam>(channels, pixels, block);
      }
}

template <typename T>
void check_linear(int rows, int inputs, int outputs, bool accumulate) {
  const Values x = random_values(size(rows, inputs), 1), w = random_values(size(outputs, inputs), 2);
  const Values bias = random_values(static_cast<std::size_t>(outputs), 3),
               dy = random_values(size(rows, outputs), 4);
  const Guarded<T> in_x(x), in_w(w), in_b(bias), in_dy(dy);
  Guarded<T> y(dy.size()), dx(x.size()), dw(w.size()), db(bias.size());
  if (accumulate) {
    std::copy(x.begin(), x.end(), dx.data());
    std::copy(w.begin(), w.end(), dw.data());
    std::copy(bias.begin(), bias.end(), db.data());
  }
  linear::forward<T>(rows, inputs, outputs, in_x.data(), in_w.data(), in_b.data(), y.data());
  linear::backward_input<T>(rows, inputs, outputs, in_dy.data(), in_w.data(), dx.data(), accumulate);
  linear::backward_weights<T>(rows, inputs, outputs, in_x.data(), in_dy.data(), dw.data(), db.data(),
                              accumulate, accumulate);
  EXPECT_TRUE(y.intact() && dx.intact() && dw.intact() && db.intact());
  const auto compare = [&](const Guarded<T>& actual, Values expected, Values magnitude, const Values& before,
                           int terms, const char* what) {
    for (std::size_t i = 0; accumulate && !before.empty() && i < expected.size(); ++i) {
      expected[i] += before[i];
      magnitude[i] += std::abs(before[i]);
    }
    EXPECT_TRUE(within(actual.values(), expected, sum_bound<T>(magnitude, terms))) << what;
  };
  const Values ones(static_cast<std::size_t>(rows), 1);
  compare(y, reference::linear(rows, inputs, outputs, x, w, bias),
          reference::linear(rows, inputs, outputs, absolute(x), absolute(w), absolute(bias)), {}, inputs + 1,
          "y");
  compare(dx, reference::product(false, false, rows, inputs, outputs, dy, w),
          reference::product(false, false, rows, inputs, outputs, absolute(dy), absolute(w)), x, outputs,
          "dx");
  compare(dw, reference::product(true, false, outputs, inputs, rows, dy, x),
          reference::product(true, false, outputs, inputs, rows, absolute(dy), absolute(x)), w, rows, "dw");
  compare(db, reference::product(true, false, outputs, 1, rows, dy, ones),
          reference::product(true, false, outputs, 1, rows, absolute(dy), ones), bias, rows, "db");
}

TYPED_TEST(Dense, Linear) {
  for (auto [rows, inputs, outputs] : {std::array{1, 1, 1}, {31, 33, 10}, {64, 160, 1}, {3, 257, 7}})
    for (bool accumulate : {false, true}) check_linear<TypeParam>(rows, inputs, outputs, accumulate);
}

TYPED_TEST(Dense, LinearLeavesOutWhatIsNotWanted) {
  using T = TypeParam;
  const Guarded<T> x(random_values(12, 1)), dy(random_values(6, 2));
  Guarded<T> dw(8), db(2);
  linear::backward_weights<T>(3, 4, 2, x.data(), dy.data(), nullptr, db.data(), false, false);
  linear::backward_weights<T>(3, 4, 2, x.data(), dy.data(), dw.data(), nullptr, false, false);
  EXPECT_FALSE(std::isnan(dw.data()[7]) || std::isnan(db.data()[1]));
}

// Logits up to 1000: log-sum-exp without overflow, to rounding of the result.
template <typename T>
void check_softmax(int rows, int classes, double range, bool accumulate) {
  const Values logits = random_values(size(rows, classes), 1, -range, range);
  std::vector<int> labels;
  for (int r = 0; r < rows; ++r) labels.push_back((r * 7 + 3) % classes);
  const Values dout = random_values(static_cast<std::size_t>(rows), 2),
               before = random_values(logits.size(), 3);
  const Values normaliser = reference::logsumexp(rows, classes, logits),
               soft = reference::softmax(rows, classes, logits);
  const Guarded<T> in(logits), in_d(dout);
  Guarded<T> lse(dout.size()), picked(dout.size()), dlse(logits.size()), dce(logits.size()),
      dpick(logits.size());
  if (accumulate)
    for (auto* out : {&dlse, &dce, &dpick}) std::copy(before.begin(), before.end(), out->data());
  softmax::logsumexp<T>(rows, classes, in.data(), lse.data());
  softmax::logsumexp_backward<T>(rows, classes, in.data(), in_d.data(), dlse.data(), accumulate);
  softmax::cross_entropy_backward<T>(rows, classes, in.data(), labels.data(), -1.5, dce.data(), accumulate);
  softmax::gather<T>(rows, classes, in.data(), labels.data(), picked.data());
  softmax::gather_backward<T>(rows, classes, labels.data(), in_d.data(), dpick.data(), accumulate);
  EXPECT_TRUE(lse.intact() && picked.intact() && dlse.intact() && dce.intact() && dpick.intact());

  // exp amplifies fp64 rounding of logit - normaliser (at most 2 range) relatively; the rest is rounding to
  // T.
  const double sharp = 8 * kRoundoff<double> * (2 * range + classes);
  EXPECT_TRUE(within(lse.values(), normaliser, 2 * kRoundoff<T> * (range + 10) + sharp));
  EXPECT_NEAR(softmax::cross_entropy<T>(rows, classes, in.data(), labels.data()),
              reference::cross_entropy(rows, classes, logits, labels), sharp * rows);
  Values d1(logits.size()), d2(logits.size()), d3(logits.size()), p;
  for (int r = 0; r < rows; ++r)
    for (int y = 0; y < classes; ++y) {
      const auto i = static_cast<std::size_t>(r * classes + y), row = static_cast<std::size_t>(r);
      const bool hit = labels[row] == y;
      const double start = accumulate ? before[i] : 0;
      d1[i] = start + dout[row] * soft[i];
      d2[i] = start - 1.5 * (soft[i] - (hit ? 1 : 0)) / rows;
      d3[i] = start + (hit ? dout[row] : 0);
      if (hit) p.push_back(logits[i]);
    }
  const double bound = 8 * kRoundoff<T> + 2 * sharp;
  EXPECT_TRUE(within(dlse.values(), d1, bound));
  EXPECT_TRUE(within(dce.values(), d2, bound));
  EXPECT_TRUE(within(dpick.values(), d3, bound));
  EXPECT_EQ(picked.values(), p);
}

TYPED_TEST(Dense, SoftmaxFamily) {
  for (auto [rows, classes] : {std::array{1, 1}, {31, 10}, {33, 100}, {3, 257}})
    for (double range : {1.0, 1000.0})
      for (bool accumulate : {false, true}) {
        SCOPED_TRACE(::testing::Message() << rows << "x" << classes << " to " << range);
        check_softmax<TypeParam>(rows, classes, range, accumulate);
      }
}

}  // namespace
}  // namespace mebm::kernels
