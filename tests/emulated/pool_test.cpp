#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace pool = kernels::pool;
using kernels::Arithmetic;
using kernels::bfloat16;
using kernels::ChannelsLast;
using reference::Values;

template <typename T>
class EmulatedPool : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedPool, Types);

template <typename T>
void expect_average(int images, int channels, int pixels, std::size_t shift = 0) {
  SCOPED_TRACE(testing::Message() << images << " x " << channels << " x " << pixels << " shift " << shift);
  const ChannelsLast map{images, pixels, channels};
  const auto x = stored_values<T>(static_cast<std::size_t>(map.elements()), 1, -1, 2);
  const Values plain = reference::from_blocked(images, channels, pixels, channels, widened(x));
  const ShiftedArray<T> in(shift, x);
  const DeviceArray<Arithmetic<T>> features(static_cast<std::size_t>(images * channels));
  const auto bytes = run_in_both_orders(
      [&] {
        features.poison();
        return pool::device::global_average<T>(emulated_exec(), map, in.get(), features.get());
      },
      [&] { return bytes_of(features.values()); });
  const Values expected = reference::global_average(images, channels, pixels, plain),
               magnitude = reference::global_average(images, channels, pixels, reference::absolute(plain));
  EXPECT_TRUE(reference::within(widened(values_of<Arithmetic<T>>(bytes)), expected,
                                reference::sum_bound<Arithmetic<T>>(magnitude, pixels)));
}

template <typename T>
void expect_backward(int images, int channels, int pixels, bool accumulate, std::size_t shift = 0) {
  SCOPED_TRACE(testing::Message() << images << " x " << channels << " x " << pixels << " shift " << shift);
  const ChannelsLast map{images, pixels, channels};
  const auto n = static_cast<std::size_t>(map.elements());
  const auto dfeatures = stored_values<Arithmetic<T>>(static_cast<std::size_t>(images * channels), 2);
  const auto start = stored_values<T>(n, 3);
  const Values gradients = widened(dfeatures);
  Values expected = widened(start);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t c = i % static_cast<std::size_t>(channels),
                      image = i / static_cast<std::size_t>(channels * pixels);
    expected[i] =
        (accumulate ? expected[i] : 0) + gradients[image * static_cast<std::size_t>(channels) + c] / pixels;
  }
  const ShiftedArray<Arithmetic<T>> gradient(shift, dfeatures);
  const DeviceArray<T> dx(n);
  const auto bytes = run_in_both_orders(
      [&] {
        dx.set(start);
        if (!accumulate) dx.poison();
        return pool::device::global_average_backward<T>(emulated_exec(), map, gradient.get(), dx.get(),
                                                        accumulate);
      },
      [&] { return bytes_of(dx.values()); });
  EXPECT_TRUE(reference::within(widened(values_of<T>(bytes)), expected,
                                stored_sum_bound<T>(Values(n, 2.0), 1, expected)));
}

TYPED_TEST(EmulatedPool, AwkwardShapes) {
  for (int channels : {1, 3, 31, 33, 257})
    for (int pixels : {1, 35}) {
      expect_average<TypeParam>(2, channels, pixels);
      expect_backward<TypeParam>(2, channels, pixels, pixels == 35);
    }
}

TYPED_TEST(EmulatedPool, NetworkChannels) {
  for (int channels : kNetworkChannels) {
    expect_average<TypeParam>(1, channels, 6);
    expect_backward<TypeParam>(1, channels, 6, channels % 64 == 0);
  }
  expect_average<TypeParam>(3, 64, 64);
}

TYPED_TEST(EmulatedPool, OffTheVectorBoundary) {
  expect_average<TypeParam>(2, 32, 9, 1);
  expect_backward<TypeParam>(2, 32, 9, false, 1);
}

template <typename T>
void expect_agreement_with_the_cpu(double bound) {
  constexpr int kImages = 3, kChannels = 33, kPixels = 25;
  const kernels::FeatureMap plain{kImages, kChannels, kPixels, 1};
  const ChannelsLast map{kImages, kPixels, kChannels};
  const Values x = reference::random_values(static_cast<std::size_t>(plain.elements()), 4);
  const auto cpu_x = reference::to_type<T>(x);
  std::vector<T> cpu_features(kImages * kChannels), cpu_dx(x.size());
  pool::global_average<T>({}, plain, cpu_x.data(), cpu_features.data());
  pool::global_average_backward<T>({}, plain, cpu_features.data(), cpu_dx.data(), false);

  const DeviceArray<T> in(
      reference::to_type<T>(reference::to_blocked(kImages, kChannels, kPixels, kChannels, x, 0))),
      features(kImages * kChannels), dx(x.size());
  ASSERT_TRUE(pool::device::global_average<T>(emulated_exec(), map, in.get(), features.get()).ok());
  EXPECT_TRUE(reference::within(widened(features.values()), widened(cpu_features), bound));
  features.set(cpu_features);
  ASSERT_TRUE(
      pool::device::global_average_backward<T>(emulated_exec(), map, features.get(), dx.get(), false).ok());
  EXPECT_EQ(reference::from_blocked(kImages, kChannels, kPixels, kChannels, widened(dx.values())),
            widened(cpu_dx));
}

TEST(EmulatedPoolTwin, AgreesWithTheCpu) {
  expect_agreement_with_the_cpu<double>(1e-15);
  expect_agreement_with_the_cpu<float>(6 * std::sqrt(29.0) * reference::kRoundoff<float>);
}

}  // namespace
}  // namespace mebm::test
