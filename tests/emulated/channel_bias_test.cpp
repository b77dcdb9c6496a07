#include "kernels/channel_bias/channel_bias.h"

#include <gtest/gtest.h>

#include "tests/emulated/device_array.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace channel_bias = kernels::channel_bias::device;
using kernels::Arithmetic;
using kernels::bfloat16;
using reference::kRoundoff;
using reference::random_values;
using reference::Values;

// Against the oracle of the convolution's bias gradient, which shares nothing with batch-norm's sums.
template <typename T>
void check(int images, int pixels, int channels, int multiprocessors) {
  using Real = Arithmetic<T>;
  const auto count = static_cast<std::size_t>(channels);
  const reference::Convolution shape{.images = images,
                                     .in_channels = 1,
                                     .in_height = 1,
                                     .in_width = pixels,
                                     .out_channels = channels,
                                     .kernel = 1,
                                     .stride = 1,
                                     .padding = 0};
  const Values dy = widened(narrowed<T>(random_values(shape.y_count(), 1))), before = random_values(count, 2);
  const Values sum = reference::convolution_bias_gradient(shape, dy),
               magnitude = reference::convolution_bias_gradient(shape, reference::absolute(dy));
  kernels::DeviceExec exec = emulated_exec(multiprocessors);
  const DeviceArray<std::uint32_t> counters(std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
  exec.counters = counters.get();
  const kernels::ChannelsLast map{images, pixels, channels};
  const DeviceArray<T> dy_in(narrowed<T>(reference::to_blocked(images, channels, pixels, channels, dy, 0)));
  const DeviceArray<Real> dbias(count);
  const DeviceArray<std::byte> scratch(channel_bias::scratch_bytes(exec, map));
  for (bool accumulate : {false, true}) {
    run_in_both_orders(
        [&] {
          accumulate ? dbias.set(narrowed<Real>(before)) : dbias.poison();
          scratch.poison();
          return channel_bias::gradient<T>(exec, map, dy_in.get(), dbias.get(), accumulate, scratch.get());
        },
        [&] { return bytes_of(dbias.values()); });
    Values expected = sum, bound = reference::sum_bound<Real>(magnitude, images * pixels);
    for (std::size_t c = 0; c < count; ++c) {
      if (accumulate) expected[c] += before[c];
      bound[c] += kRoundoff<Real> * std::abs(expected[c]);
    }
    EXPECT_TRUE(reference::within(widened(dbias.values()), expected, bound)) << channels << accumulate;
  }
  EXPECT_EQ(counters.values(), std::vector<std::uint32_t>(kernels::DeviceExec::kCounters, 0));
}

template <typename T>
class EmulatedChannelBias : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedChannelBias, Types);

TYPED_TEST(EmulatedChannelBias, OddChannels) {
  for (int channels : {1, 3, 31, 33}) check<TypeParam>(3, 9, channels, 7);
  check<TypeParam>(2, 3, 257, 1);
}
TYPED_TEST(EmulatedChannelBias, ChannelsOfAllWidths) {
  for (int channels : {16, 32, 48, 64, 80, 96, 128, 160, 192, 320, 640}) check<TypeParam>(2, 9, channels, 3);
}
TYPED_TEST(EmulatedChannelBias, ManyRows) {
  check<TypeParam>(3, 1025, 16, 7);
  check<TypeParam>(2, 1089, 3, 1);
}

}  // namespace
}  // namespace mebm::test
