#include "kernels/softmax/softmax.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace softmax = kernels::softmax;
using reference::Values;

template <typename T>
class EmulatedSoftmax : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(EmulatedSoftmax, Types);

constexpr double kSpread = 20;  // logits lie in +-20
constexpr int kRows[] = {1, 5, 33};
constexpr int kClasses[] = {1, 10, 31, 33, 100, 257};

std::size_t area(int rows, int columns) {
  return static_cast<std::size_t>(rows * columns);
}

std::vector<int> labels_for(int rows, int classes) {
  std::vector<int> labels;
  for (int r = 0; r < rows; ++r) labels.push_back((7 * r + 3) % classes);
  return labels;
}

// Relative error of exp(logit - maximum): the rounded difference of at most 2 kSpread, exp itself (2 ulp on a
// device), sum and quotient.
template <typename T>
double probability_error(int classes) {
  return (2 * kSpread + 8 + 6 * std::sqrt(classes + 4.0)) * reference::kRoundoff<T>;
}
// A log of that sum plus the maximum.
template <typename T>
double logsumexp_error(int classes) {
  return probability_error<T>(classes) + 2 * (kSpread + 8) * reference::kRoundoff<T>;
}

// before + factor (probability - onehot): the probability's error, then four roundings.
template <typename T>
double gradient_bound(int classes, double factor, double probability, double onehot, double before) {
  return std::abs(factor) * probability_error<T>(classes) * probability +
         4 * reference::kRoundoff<T> * (std::abs(factor) * (probability + onehot) + std::abs(before));
}

// Runs a launch that overwrites or adds to `start`.
template <typename T, typename Launch>
Values result_of(const std::vector<T>& start, bool accumulate, const Launch& run) {
  const DeviceArray<T> out(start.size());
  const auto bytes = run_in_both_orders(
      [&] {
        out.set(start);
        if (!accumulate) out.poison();
        return run(out.get());
      },
      [&] { return bytes_of(out.values()); });
  return widened(values_of<T>(bytes));
}

TYPED_TEST(EmulatedSoftmax, Logsumexp) {
  using T = TypeParam;
  for (int rows : kRows)
    for (int classes : kClasses) {
      const auto logits = stored_values<T>(area(rows, classes), 1, -kSpread, kSpread);
      const DeviceArray<T> in(logits);
      const Values out = result_of(std::vector<T>(area(rows, 1)), false, [&](T* y) {
        return softmax::device::logsumexp<T>(emulated_exec(), rows, classes, in.get(), y);
      });
      EXPECT_TRUE(reference::within(out, reference::logsumexp(rows, classes, widened(logits)),
                                    logsumexp_error<T>(classes)));
    }
}

TYPED_TEST(EmulatedSoftmax, LogsumexpOfLargeLogitsIsFinite) {
  using T = TypeParam;
  const DeviceArray<T> in(std::vector<T>{T(1e30), T(1e30), T(-1e30), T(-1e30)});
  const Values out = result_of(std::vector<T>(2), false, [&](T* y) {
    return softmax::device::logsumexp<T>(emulated_exec(), 2, 2, in.get(), y);
  });
  EXPECT_EQ(out, (Values{static_cast<double>(T(1e30)), static_cast<double>(T(-1e30))}));
}

TYPED_TEST(EmulatedSoftmax, NotANumberStays) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const DeviceArray<T> in(std::vector<T>{1, nan, 2, nan, nan, nan});
  for (double value : result_of(std::vector<T>(2), false, [&](T* y) {
         return softmax::device::logsumexp<T>(emulated_exec(), 2, 3, in.get(), y);
       }))
    EXPECT_TRUE(std::isnan(value));
}

TYPED_TEST(EmulatedSoftmax, LogsumexpBackward) {
  using T = TypeParam;
  for (int rows : kRows)
    for (int classes : kClasses)
      for (bool accumulate : {false, true}) {
        const std::size_t n = area(rows, classes);
        const auto logits = stored_values<T>(n, 1, -kSpread, kSpread), start = stored_values<T>(n, 2),
                   dout = stored_values<T>(area(rows, 1), 3);
        const DeviceArray<T> in(logits), gradient(dout);
        Values expected = reference::softmax(rows, classes, widened(logits)), bound(n);
        for (std::size_t i = 0; i < n; ++i) {
          const double factor = static_cast<double>(dout[i / static_cast<std::size_t>(classes)]),
                       before = accumulate ? static_cast<double>(start[i]) : 0;
          bound[i] = gradient_bound<T>(classes, factor, expected[i], 0, before);
          expected[i] = before + factor * expected[i];
        }
        const Values actual = result_of(start, accumulate, [&](T* out) {
          return softmax::device::logsumexp_backward<T>(emulated_exec(), rows, classes, in.get(),
                                                        gradient.get(), out, accumulate);
        });
        EXPECT_TRUE(reference::within(actual, expected, bound));
      }
}

// One block whatever the shape: few shapes, more rows than its 32 warps among them.
TYPED_TEST(EmulatedSoftmax, CrossEntropy) {
  using T = TypeParam;
  for (int rows : {1, 33, 70})
    for (int classes : {1, 10, 257}) {
      const auto logits = stored_values<T>(area(rows, classes), 1, -kSpread, kSpread);
      const std::vector<int> labels = labels_for(rows, classes);
      const DeviceArray<T> in(logits);
      const DeviceArray<int> device_labels(labels);
      const Values out = result_of(std::vector<T>(1), false, [&](T* loss) {
        return softmax::device::cross_entropy<T>(emulated_exec(), rows, classes, in.get(),
                                                 device_labels.get(), loss);
      });
      EXPECT_TRUE(reference::within(out, {reference::cross_entropy(rows, classes, widened(logits), labels)},
                                    2 * logsumexp_error<T>(classes)));
    }
}

TYPED_TEST(EmulatedSoftmax, CrossEntropyBackward) {
  using T = TypeParam;
  constexpr double kLoss = 0.75;
  for (int rows : kRows)
    for (int classes : kClasses)
      for (bool accumulate : {false, true}) {
        const std::size_t n = area(rows, classes);
        const auto logits = stored_values<T>(n, 1, -kSpread, kSpread), start = stored_values<T>(n, 2);
        const std::vector<int> labels = labels_for(rows, classes);
        const DeviceArray<T> in(logits), dloss(std::vector<T>{T(kLoss)});
        const DeviceArray<int> device_labels(labels);
        Values expected = reference::softmax(rows, classes, widened(logits)), bound(n);
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t row = i / static_cast<std::size_t>(classes),
                            y = i % static_cast<std::size_t>(classes);
          const double onehot = y == static_cast<std::size_t>(labels[row]) ? 1 : 0,
                       before = accumulate ? static_cast<double>(start[i]) : 0;
          bound[i] = gradient_bound<T>(classes, kLoss / rows, expected[i], onehot, before);
          expected[i] = before + kLoss * (expected[i] - onehot) / rows;
        }
        const Values actual = result_of(start, accumulate, [&](T* out) {
          return softmax::device::cross_entropy_backward<T>(
              emulated_exec(), rows, classes, in.get(), device_labels.get(), dloss.get(), out, accumulate);
        });
        EXPECT_TRUE(reference::within(actual, expected, bound));
      }
}

TYPED_TEST(EmulatedSoftmax, Gather) {
  using T = TypeParam;
  for (int rows : {1, 33, 257})
    for (int classes : kClasses)
      for (bool accumulate : {false, true}) {
        const std::size_t n = area(rows, classes);
        const auto logits = stored_values<T>(n, 1), start = stored_values<T>(n, 2),
                   dout = stored_values<T>(area(rows, 1), 3);
        const std::vector<int> labels = labels_for(rows, classes);
        const DeviceArray<T> in(logits), gradient(dout);
        const DeviceArray<int> device_labels(labels);
        std::vector<T> picked, spread = accumulate ? start : std::vector<T>(n);
        for (int r = 0; r < rows; ++r) {
          const std::size_t row = static_cast<std::size_t>(r),
                            i = area(r, classes) + static_cast<std::size_t>(labels[row]);
          picked.push_back(logits[i]);
          spread[i] += dout[row];
        }
        EXPECT_EQ(result_of(std::vector<T>(area(rows, 1)), false,
                            [&](T* out) {
                              return softmax::device::gather<T>(emulated_exec(), rows, classes, in.get(),
                                                                device_labels.get(), out);
                            }),
                  widened(picked));
        EXPECT_EQ(result_of(start, accumulate,
                            [&](T* out) {
                              return softmax::device::gather_backward<T>(emulated_exec(), rows, classes,
                                                                         device_labels.get(), gradient.get(),
                                                                         out, accumulate);
                            }),
                  widened(spread));
      }
}

// Rows 0 and 2 have labels that do not exist; row 1 stays as it should be.
TYPED_TEST(EmulatedSoftmax, LabelsOutsideGiveNotANumber) {
  using T = TypeParam;
  const DeviceArray<T> in(std::vector<T>(9, T(0))), one(std::vector<T>{1, 1, 1});
  const DeviceArray<int> labels(std::vector<int>{3, 2, -1});
  const auto expect = [](const Values& values, std::size_t columns) {
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(std::isnan(values[i]), i / columns != 1) << i << " of " << values.size();
  };
  const kernels::DeviceExec exec = emulated_exec();
  expect(
      result_of(std::vector<T>(3), false,
                [&](T* out) { return softmax::device::gather<T>(exec, 3, 3, in.get(), labels.get(), out); }),
      1);
  for (bool accumulate : {false, true}) {
    expect(result_of(std::vector<T>(9), accumulate,
                     [&](T* out) {
                       return softmax::device::gather_backward<T>(exec, 3, 3, labels.get(), one.get(), out,
                                                                  accumulate);
                     }),
           3);
    expect(result_of(std::vector<T>(9), accumulate,
                     [&](T* out) {
                       return softmax::device::cross_entropy_backward<T>(exec, 3, 3, in.get(), labels.get(),
                                                                         one.get(), out, accumulate);
                     }),
           3);
  }
  const Values loss = result_of(std::vector<T>(1), false, [&](T* out) {
    return softmax::device::cross_entropy<T>(exec, 3, 3, in.get(), labels.get(), out);
  });
  EXPECT_TRUE(std::isnan(loss[0]));
}

template <typename T>
void expect_agreement_with_the_cpu() {
  constexpr int kCount = 40, kWide = 10;
  const auto logits = stored_values<T>(area(kCount, kWide), 1, -kSpread, kSpread);
  const std::vector<int> labels = labels_for(kCount, kWide);
  const DeviceArray<T> in(logits), dloss(std::vector<T>{T(2)});
  const DeviceArray<int> device_labels(labels);
  const double error = 2 * logsumexp_error<T>(kWide);
  std::vector<T> cpu(kCount), gradient(logits.size());
  softmax::logsumexp<T>(kCount, kWide, logits.data(), cpu.data());
  EXPECT_TRUE(reference::within(result_of(cpu, false,
                                          [&](T* out) {
                                            return softmax::device::logsumexp<T>(emulated_exec(), kCount,
                                                                                 kWide, in.get(), out);
                                          }),
                                widened(cpu), error));
  softmax::cross_entropy_backward<T>(kCount, kWide, logits.data(), labels.data(), 2, gradient.data(), false);
  EXPECT_TRUE(reference::within(result_of(gradient, false,
                                          [&](T* out) {
                                            return softmax::device::cross_entropy_backward<T>(
                                                emulated_exec(), kCount, kWide, in.get(), device_labels.get(),
                                                dloss.get(), out, false);
                                          }),
                                widened(gradient), error));
  const Values loss = result_of(std::vector<T>(1), false, [&](T* out) {
    return softmax::device::cross_entropy<T>(emulated_exec(), kCount, kWide, in.get(), device_labels.get(),
                                             out);
  });
  EXPECT_NEAR(loss[0], softmax::cross_entropy<T>(kCount, kWide, logits.data(), labels.data()), error);
}

TEST(EmulatedSoftmaxTwin, AgreesWithTheCpu) {
  expect_agreement_with_the_cpu<float>();
  expect_agreement_with_the_cpu<double>();
}

}  // namespace
}  // namespace mebm::test
