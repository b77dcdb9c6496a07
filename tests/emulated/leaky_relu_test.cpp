#include "kernels/leaky_relu/leaky_relu.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace leaky_relu = kernels::leaky_relu;
using kernels::bfloat16;
using reference::random_values;
using reference::Values;

constexpr double kLeak = 0.2;

// The bits the formula gives: one or two roundings to the arithmetic type, one to T.
template <typename T>
struct Expected {
  using Real = kernels::Arithmetic<T>;
  static T forward(T x) { return kernels::narrow<T>(slope(x) * kernels::widen(x)); }
  static T backward(T x, T dz) { return kernels::narrow<T>(slope(x) * kernels::widen(dz)); }
  static T accumulated(T x, T dz, T before) {
    return kernels::narrow<T>(kernels::widen(before) + slope(x) * kernels::widen(dz));
  }
  static Real slope(T x) { return kernels::widen(x) > 0 ? Real(1) : static_cast<Real>(kLeak); }
};

template <typename T>
std::vector<std::byte> bits(const std::vector<T>& values) {
  return bytes_of(values);
}

// `shift` moves all arrays off 16-byte boundaries.
template <typename T>
void check(std::int64_t n, std::int64_t shift) {
  const auto count = static_cast<std::size_t>(n), offset = static_cast<std::size_t>(shift);
  std::vector<T> x = narrowed<T>(random_values(count + offset, 1)),
                 dz = narrowed<T>(random_values(count + offset, 2)),
                 before = narrowed<T>(random_values(count + offset, 3));
  x[offset] = kernels::narrow<T>(0);  // the kink takes the slope `leak`
  std::vector<T> z(x.size()), dx(x.size()), sum(x.size());
  for (std::size_t i = offset; i < x.size(); ++i) {
    z[i] = Expected<T>::forward(x[i]);
    dx[i] = Expected<T>::backward(x[i], dz[i]);
    sum[i] = Expected<T>::accumulated(x[i], dz[i], before[i]);
  }
  const auto tail = [&](const std::vector<T>& all) { return std::vector<T>(all.begin() + shift, all.end()); };
  const DeviceArray<T> dx_in(x), dz_in(dz), out(x.size());
  run_in_both_orders(
      [&] {
        out.poison();
        return leaky_relu::device::forward<T>(emulated_exec(), n, kLeak, dx_in.get() + shift,
                                              out.get() + shift);
      },
      [&] { return bits(out.values()); });
  EXPECT_EQ(bits(tail(out.values())), bits(tail(z))) << n;
  for (bool accumulate : {false, true}) {
    run_in_both_orders(
        [&] {
          accumulate ? out.set(before) : out.poison();
          return leaky_relu::device::backward<T>(emulated_exec(), n, kLeak, dx_in.get() + shift,
                                                 dz_in.get() + shift, out.get() + shift, accumulate);
        },
        [&] { return bits(out.values()); });
    EXPECT_EQ(bits(tail(out.values())), bits(tail(accumulate ? sum : dx))) << n << accumulate;
  }
  const DeviceArray<T> in_place(x), gradient_in_place(dz);
  EXPECT_TRUE(leaky_relu::device::forward<T>(emulated_exec(), n, kLeak, in_place.get() + shift,
                                             in_place.get() + shift)
                  .ok());
  EXPECT_EQ(bits(tail(in_place.values())), bits(tail(z))) << n;
  EXPECT_TRUE(leaky_relu::device::backward<T>(emulated_exec(), n, kLeak, dx_in.get() + shift,
                                              gradient_in_place.get() + shift,
                                              gradient_in_place.get() + shift, false)
                  .ok());
  EXPECT_EQ(bits(tail(gradient_in_place.values())), bits(tail(dx))) << n;
}

template <typename T>
class EmulatedLeakyRelu : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedLeakyRelu, Types);

TYPED_TEST(EmulatedLeakyRelu, EqualsTheFormula) {
  for (std::int64_t n : {1, 7, 31, 33, 257, 4096, 8191, 8193, 20011}) check<TypeParam>(n, 0);
}
TYPED_TEST(EmulatedLeakyRelu, ArraysOffVectorBoundaries) {
  for (std::int64_t n : {1, 33, 5000}) check<TypeParam>(n, 1);
}

template <typename T>
void check_equal_to_cpu() {
  const std::int64_t n = 1033;
  const std::vector<T> x = narrowed<T>(random_values(1033, 1)), dz = narrowed<T>(random_values(1033, 2)),
                       before = narrowed<T>(random_values(1033, 3));
  std::vector<T> z(1033), dx = before;
  leaky_relu::forward<T>({}, n, kLeak, x.data(), z.data());
  leaky_relu::backward<T>({}, n, kLeak, x.data(), dz.data(), dx.data(), true);
  const DeviceArray<T> x_in(x), dz_in(dz), z_out(1033), dx_out(before);
  EXPECT_TRUE(leaky_relu::device::forward<T>(emulated_exec(), n, kLeak, x_in.get(), z_out.get()).ok());
  EXPECT_TRUE(
      leaky_relu::device::backward<T>(emulated_exec(), n, kLeak, x_in.get(), dz_in.get(), dx_out.get(), true)
          .ok());
  EXPECT_EQ(z_out.values(), z);
  // The CPU may fuse the addition.
  EXPECT_TRUE(reference::within(widened(dx_out.values()), widened(dx), 2 * reference::kRoundoff<T>));
}

TEST(EmulatedLeakyReluTwin, EqualsTheCpu) {
  check_equal_to_cpu<float>();
  check_equal_to_cpu<double>();
}

}  // namespace
}  // namespace mebm::test
