#include "kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace elementwise = kernels::elementwise;
using kernels::bfloat16;
using kernels::runtime::Accesses;
using reference::Values;

template <typename T>
class EmulatedElementwise : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedElementwise, Types);

constexpr double kAlpha = 0.75, kBeta = -1.25;  // exact in every type
constexpr int kCounts[] = {1, 31, 33, 257, 1024};

// |expected| is at most 3; each result is at most three products.
template <typename T>
Values bound_of(const Values& expected) {
  return stored_sum_bound<T>(Values(expected.size(), 3.0), 3, expected);
}

TYPED_TEST(EmulatedElementwise, Axpby) {
  using T = TypeParam;
  for (int n : kCounts)
    for (std::size_t shift : {0, 1})
      for (double beta : {0.0, kBeta}) {
        const auto count = static_cast<std::size_t>(n);
        const std::vector<T> x = stored_values<T>(count, 1), y = stored_values<T>(count, 2);
        const Values wide_x = widened(x);
        Values expected = widened(y);
        for (std::size_t i = 0; i < count; ++i)
          expected[i] = kAlpha * wide_x[i] + (beta == 0 ? 0 : beta * expected[i]);
        const ShiftedArray<T> dx(shift, x), dy(0, y);
        const auto bytes = run_in_both_orders(
            [&] {
              dy.set(y);
              if (beta == 0) dy.poison();
              return elementwise::device::axpby<T>(emulated_exec(), n, kAlpha, dx.get(), beta, dy.get());
            },
            [&] { return bytes_of(dy.values()); });
        EXPECT_TRUE(reference::within(widened(values_of<T>(bytes)), expected, bound_of<T>(expected)))
            << n << " shift " << shift << " beta " << beta;
      }
}

TYPED_TEST(EmulatedElementwise, AxpbyInPlace) {
  using T = TypeParam;
  const std::vector<T> x = stored_values<T>(100, 1);
  const DeviceArray<T> dx(x);
  const auto bytes = run_in_both_orders(
      [&] {
        dx.set(x);
        return elementwise::device::axpby<T>(emulated_exec(), 100, kAlpha, dx.get(), kBeta, dx.get());
      },
      [&] { return bytes_of(dx.values()); });
  Values expected = widened(x);
  for (double& value : expected) value *= kAlpha + kBeta;
  EXPECT_TRUE(reference::within(widened(values_of<T>(bytes)), expected, bound_of<T>(expected)));
}

TYPED_TEST(EmulatedElementwise, Multiply) {
  using T = TypeParam;
  for (int n : kCounts)
    for (std::size_t shift : {0, 1})
      for (bool accumulate : {false, true}) {
        const auto count = static_cast<std::size_t>(n);
        const std::vector<T> a = stored_values<T>(count, 1), b = stored_values<T>(count, 2),
                             start = stored_values<T>(count, 3);
        const Values wide_a = widened(a), wide_b = widened(b);
        Values expected = widened(start);
        for (std::size_t i = 0; i < count; ++i)
          expected[i] = (accumulate ? expected[i] : 0) + kAlpha * wide_a[i] * wide_b[i];
        const ShiftedArray<T> da(0, a), db(shift, b), out(0, start);
        const auto bytes = run_in_both_orders(
            [&] {
              out.set(start);
              if (!accumulate) out.poison();
              return elementwise::device::multiply<T>(emulated_exec(), n, kAlpha, da.get(), db.get(),
                                                      out.get(), accumulate);
            },
            [&] { return bytes_of(out.values()); });
        EXPECT_TRUE(reference::within(widened(values_of<T>(bytes)), expected, bound_of<T>(expected)));
      }
}

template <typename T>
void expect_filled(double value) {
  for (int n : kCounts)
    for (std::size_t shift : {0, 1}) {
      const ShiftedArray<T> out(shift, std::vector<T>(static_cast<std::size_t>(n)));
      out.poison();
      ASSERT_TRUE(elementwise::device::fill<T>(emulated_exec(), n, value, out.get()).ok());
      EXPECT_EQ(widened(out.values()), Values(static_cast<std::size_t>(n), value));
    }
}

TYPED_TEST(EmulatedElementwise, Fill) {
  expect_filled<TypeParam>(-1.25);
}

TEST(EmulatedElementwiseIntegers, Fill) {
  expect_filled<int>(-7);
  expect_filled<std::uint32_t>(4e9);
}

template <typename T>
void expect_broadcast() {
  const DeviceArray<T> value(std::vector<T>{T(0.3)});
  for (int n : kCounts)
    for (std::size_t shift : {0, 1}) {
      const ShiftedArray<T> out(shift, std::vector<T>(static_cast<std::size_t>(n)));
      out.poison();
      ASSERT_TRUE(elementwise::device::broadcast<T>(emulated_exec(), n, value.get(), out.get()).ok());
      EXPECT_EQ(out.values(), std::vector<T>(static_cast<std::size_t>(n), T(0.3)));
    }
}

TEST(EmulatedElementwiseReals, Broadcast) {
  expect_broadcast<float>();
  expect_broadcast<double>();
}

template <typename T, typename Out>
void expect_sum(int n, std::size_t shift, int multiprocessors, bool accumulate) {
  const std::vector<T> x = stored_values<T>(static_cast<std::size_t>(n), 4, -1, 2);
  double expected = accumulate ? 2.5 : 0, magnitude = std::abs(expected);
  for (double value : widened(x)) {
    expected += kAlpha * value;
    magnitude += std::abs(kAlpha * value);
  }
  const ExecWithCounters exec(multiprocessors);
  const ShiftedArray<T> dx(shift, x);
  const DeviceBytes scratch(elementwise::device::sum_scratch_bytes(exec.get()));
  const DeviceArray<Out> out(1);
  const auto bytes = run_in_both_orders(
      [&] {
        out.set({Out(2.5)});
        if (!accumulate) out.poison();
        return elementwise::device::sum<T, Out>(exec.get(), n, dx.get(), kAlpha, out.get(), accumulate,
                                                scratch.memory());
      },
      [&] { return bytes_of(out.values()); });
  // In fp64, then one rounding to Out.
  const Values bound = {reference::sum_bound<double>({magnitude}, n)[0] +
                        reference::kRoundoff<Out> * std::abs(expected)};
  EXPECT_TRUE(reference::within(widened(values_of<Out>(bytes)), {expected}, bound)) << n;
}

TYPED_TEST(EmulatedElementwise, Sum) {
  using T = TypeParam;
  for (int n : {1, 31, 33, 257, 5000})
    for (std::size_t shift : {0, 1}) {
      expect_sum<T, double>(n, shift, 3, n == 33);
      expect_sum<T, kernels::Arithmetic<T>>(n, shift, 1, n == 257);
    }
  expect_sum<T, double>(20011, 0, 7, true);
}

TYPED_TEST(EmulatedElementwise, SumOfNothingIsZero) {
  expect_sum<TypeParam, double>(0, 0, 1, false);
}

TYPED_TEST(EmulatedElementwise, SumOfSquaresOverManyArrays) {
  using T = TypeParam;
  const std::int64_t counts[] = {1, 31, 0, 5000, 257, 33};
  const std::vector<T> x = stored_values<T>(5400, 5);
  const DeviceArray<T> dx(x);
  std::vector<elementwise::device::Array<T>> arrays;
  Accesses memory;
  double expected = 0;
  std::int64_t begin = 0;
  for (std::int64_t count : counts) {
    arrays.push_back({dx.get() + begin, count});
    for (std::int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(kernels::widen(x[static_cast<std::size_t>(begin + i)]));
      expected += value * value;
    }
    begin += count;
  }
  memory.read(dx.get(), begin);
  const DeviceArray<elementwise::device::Array<T>> device_arrays(arrays);
  for (int multiprocessors : {1, 3, 7}) {
    const ExecWithCounters exec(multiprocessors);
    const DeviceBytes scratch(elementwise::device::sum_scratch_bytes(exec.get()));
    const DeviceArray<double> out(1);
    for (const bool accumulate : {false, true}) {
      const auto bytes = run_in_both_orders(
          [&] {
            accumulate ? out.set({3.0}) : out.poison();
            return elementwise::device::sum_of_squares<T>(exec.get(), device_arrays.get(), 6, out.get(),
                                                          accumulate, scratch.memory(), memory);
          },
          [&] { return bytes_of(out.values()); });
      const double total = expected + (accumulate ? 3 : 0);
      EXPECT_TRUE(
          reference::within(values_of<double>(bytes), {total}, reference::sum_bound<double>({total}, 6000)));
    }
  }
}

// The CPU twin on the same numbers: fp64 to its rounding.
TEST(EmulatedElementwiseTwin, AgreesWithTheCpu) {
  const std::int64_t n = 1000;
  const Values a = reference::random_values(1000, 6), b = reference::random_values(1000, 7);
  const DeviceArray<double> da(a), db(b);
  Values y = b, product(1000);
  elementwise::axpby<double>({}, n, kAlpha, a.data(), kBeta, y.data());
  elementwise::multiply<double>({}, n, kAlpha, a.data(), b.data(), product.data(), false);
  const DeviceArray<double> out(1000);
  ASSERT_TRUE(
      elementwise::device::multiply<double>(emulated_exec(), n, kAlpha, da.get(), db.get(), out.get(), false)
          .ok());
  EXPECT_TRUE(reference::within(out.values(), product, 1e-15));
  ASSERT_TRUE(elementwise::device::axpby<double>(emulated_exec(), n, kAlpha, da.get(), kBeta, db.get()).ok());
  EXPECT_TRUE(reference::within(db.values(), y, 1e-15));

  const ExecWithCounters exec;
  const DeviceBytes scratch(elementwise::device::sum_scratch_bytes(exec.get()));
  const DeviceArray<double> total(1);
  ASSERT_TRUE((elementwise::device::sum<double, double>(exec.get(), n, da.get(), 1, total.get(), false,
                                                        scratch.memory())
                   .ok()));
  EXPECT_NEAR(total.values()[0], elementwise::sum<double>({}, n, a.data()), 1e-13);
}

}  // namespace
}  // namespace mebm::test
