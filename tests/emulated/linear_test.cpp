#include "kernels/linear/linear.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace linear = kernels::linear;
using reference::Values;

template <typename T>
class EmulatedLinear : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(EmulatedLinear, Types);

std::size_t area(int rows, int columns) {
  return static_cast<std::size_t>(rows * columns);
}

// start (kept where `accumulate`) + C, and the bound of computing it in T.
template <typename T>
void expect_sum(const std::vector<T>& actual, const std::vector<T>& start, bool accumulate,
                const Values& product, const Values& magnitude, int terms) {
  Values expected = product, size = magnitude;
  for (std::size_t i = 0; accumulate && i < expected.size(); ++i) {
    expected[i] += static_cast<double>(start[i]);
    size[i] += std::abs(static_cast<double>(start[i]));
  }
  EXPECT_TRUE(reference::within(widened(actual), expected, reference::sum_bound<T>(size, terms)));
}

template <typename T>
class Case {
 public:
  Case(int rows, int inputs, int outputs)
      : rows_(rows),
        inputs_(inputs),
        outputs_(outputs),
        x_(stored_values<T>(area(rows, inputs), 1)),
        w_(stored_values<T>(area(outputs, inputs), 2)),
        dy_(stored_values<T>(area(rows, outputs), 3)),
        bias_(stored_values<T>(area(1, outputs), 4)),
        trace_(__FILE__, __LINE__, testing::Message() << rows << " x " << inputs << " to " << outputs) {}

  void forward(bool with_bias, std::size_t shift = 0) const {
    const ShiftedArray<T> x(0, x_), w(shift, w_);
    const DeviceArray<T> bias(bias_), y(area(rows_, outputs_));
    const auto bytes = run_in_both_orders(
        [&] {
          y.poison();
          return linear::device::forward<T>(emulated_exec(), rows_, inputs_, outputs_, x.get(), w.get(),
                                            with_bias ? bias.get() : nullptr, y.get());
        },
        [&] { return bytes_of(y.values()); });
    const Values none(area(1, outputs_)), b = with_bias ? widened(bias_) : none;
    expect_sum<T>(values_of<T>(bytes), {}, false,
                  reference::linear(rows_, inputs_, outputs_, widened(x_), widened(w_), b),
                  reference::linear(rows_, inputs_, outputs_, reference::absolute(widened(x_)),
                                    reference::absolute(widened(w_)), reference::absolute(b)),
                  inputs_ + 1);
  }

  void backward_input(bool accumulate) const {
    const auto start = stored_values<T>(area(rows_, inputs_), 5);
    const DeviceArray<T> dy(dy_), w(w_), dx(start);
    const auto bytes = run_in_both_orders(
        [&] {
          dx.set(start);
          if (!accumulate) dx.poison();
          return linear::device::backward_input<T>(emulated_exec(), rows_, inputs_, outputs_, dy.get(),
                                                   w.get(), dx.get(), accumulate);
        },
        [&] { return bytes_of(dx.values()); });
    const Values g = widened(dy_), v = widened(w_);
    expect_sum<T>(values_of<T>(bytes), start, accumulate,
                  reference::product(false, false, rows_, inputs_, outputs_, g, v),
                  reference::product(false, false, rows_, inputs_, outputs_, reference::absolute(g),
                                     reference::absolute(v)),
                  outputs_ + 1);
  }

  void backward_weights(bool accumulate_weights, bool accumulate_bias, bool weights = true,
                        bool bias = true) const {
    const auto start = stored_values<T>(area(outputs_, inputs_), 6), bias_start = bias_;
    const DeviceArray<T> x(x_), dy(dy_), dw(start), dbias(bias_start);
    const auto bytes = run_in_both_orders(
        [&] {
          dw.set(start);
          dbias.set(bias_start);
          if (!accumulate_weights && weights) dw.poison();
          if (!accumulate_bias && bias) dbias.poison();
          return linear::device::backward_weights<T>(
              emulated_exec(), rows_, inputs_, outputs_, x.get(), dy.get(), weights ? dw.get() : nullptr,
              bias ? dbias.get() : nullptr, accumulate_weights, accumulate_bias);
        },
        [&] {
          std::vector<std::byte> all = bytes_of(dw.values()), more = bytes_of(dbias.values());
          all.insert(all.end(), more.begin(), more.end());
          return all;
        });
    const std::vector<T> all = values_of<T>(bytes);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(start.size());
    check_weights({all.begin(), middle}, start, weights, accumulate_weights);
    check_bias({middle, all.end()}, bias_start, bias, accumulate_bias);
  }

 private:
  void check_weights(const std::vector<T>& dw, const std::vector<T>& start, bool written,
                     bool accumulate) const {
    if (!written) {
      EXPECT_EQ(dw, start);
      return;
    }
    const Values g = widened(dy_), v = widened(x_);
    expect_sum<T>(dw, start, accumulate, reference::product(true, false, outputs_, inputs_, rows_, g, v),
                  reference::product(true, false, outputs_, inputs_, rows_, reference::absolute(g),
                                     reference::absolute(v)),
                  rows_ + 1);
  }
  void check_bias(const std::vector<T>& dbias, const std::vector<T>& start, bool written,
                  bool accumulate) const {
    if (!written) {
      EXPECT_EQ(dbias, start);
      return;
    }
    const Values g = widened(dy_), ones(area(1, rows_), 1.0);
    expect_sum<T>(dbias, start, accumulate, reference::product(false, false, 1, outputs_, rows_, ones, g),
                  reference::product(false, false, 1, outputs_, rows_, ones, reference::absolute(g)),
                  rows_ + 1);
  }

  int rows_, inputs_, outputs_;
  std::vector<T> x_, w_, dy_, bias_;
  testing::ScopedTrace trace_;
};

TYPED_TEST(EmulatedLinear, AwkwardShapes) {
  for (int inputs : kAwkward)
    for (int outputs : {1, 10}) {
      const Case<TypeParam> c(inputs == 33 ? 17 : 3, inputs, outputs);
      c.forward(outputs == 10);
      c.backward_input(outputs == 10);
      c.backward_weights(outputs == 1, outputs == 10);
    }
}

TYPED_TEST(EmulatedLinear, ManyOutputs) {
  const Case<TypeParam> c(9, 24, 100);
  c.forward(true);
  c.backward_input(false);
  c.backward_weights(false, false);
}

TYPED_TEST(EmulatedLinear, NetworkChannels) {
  for (int inputs : kNetworkChannels) {
    const Case<TypeParam> c(5, inputs, 3);
    c.forward(true);
    c.backward_input(inputs % 64 == 0);
    c.backward_weights(inputs % 64 == 0, false);
  }
}

TYPED_TEST(EmulatedLinear, LeavesOutWhatIsNotAskedFor) {
  const Case<TypeParam> c(11, 48, 5);
  c.forward(false);
  c.forward(true, 1);  // w off the vector boundary
  c.backward_weights(true, false, false, true);
  c.backward_weights(false, true, true, false);
}

template <typename T>
void expect_agreement_with_the_cpu() {
  constexpr int kRows = 12, kInputs = 64, kOutputs = 10;
  const auto x = stored_values<T>(area(kRows, kInputs), 1), w = stored_values<T>(area(kOutputs, kInputs), 2),
             bias = stored_values<T>(kOutputs, 3);
  std::vector<T> y(area(kRows, kOutputs)), dx(x.size()), dw(w.size()), dbias(kOutputs);
  linear::forward<T>(kRows, kInputs, kOutputs, x.data(), w.data(), bias.data(), y.data());
  linear::backward_input<T>(kRows, kInputs, kOutputs, y.data(), w.data(), dx.data(), false);
  linear::backward_weights<T>(kRows, kInputs, kOutputs, x.data(), y.data(), dw.data(), dbias.data(), false,
                              false);
  const DeviceArray<T> in(x), weights(w), b(bias), dy(y), out(y.size()), din(x.size()), dweights(w.size()),
      db(bias.size());
  const kernels::DeviceExec exec = emulated_exec();
  ASSERT_TRUE(
      linear::device::forward<T>(exec, kRows, kInputs, kOutputs, in.get(), weights.get(), b.get(), out.get())
          .ok());
  ASSERT_TRUE(linear::device::backward_input<T>(exec, kRows, kInputs, kOutputs, dy.get(), weights.get(),
                                                din.get(), false)
                  .ok());
  ASSERT_TRUE(linear::device::backward_weights<T>(exec, kRows, kInputs, kOutputs, in.get(), dy.get(),
                                                  dweights.get(), db.get(), false, false)
                  .ok());
  // Both err by at most sum_bound(); |x w| <= 1, |y| <= 65, so |dy w| <= 650 and |dy x| <= 780.
  const auto bound = [](double magnitude, double terms) {
    return 2 * reference::sum_bound<T>({magnitude}, terms)[0];
  };
  EXPECT_TRUE(reference::within(widened(out.values()), widened(y), bound(65, 65)));
  EXPECT_TRUE(reference::within(widened(din.values()), widened(dx), bound(650, 10)));
  EXPECT_TRUE(reference::within(widened(dweights.values()), widened(dw), bound(780, 12)));
  EXPECT_TRUE(reference::within(widened(db.values()), widened(dbias), bound(780, 12)));
}

TEST(EmulatedLinearTwin, AgreesWithTheCpu) {
  expect_agreement_with_the_cpu<float>();
  expect_agreement_with_the_cpu<double>();
}

}  // namespace
}  // namespace mebm::test
