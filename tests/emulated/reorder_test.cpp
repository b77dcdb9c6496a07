#include "kernels/reorder/reorder.h"

#include <gtest/gtest.h>

#include "tests/emulated/kernel_case.h"

namespace mebm::test {
namespace {

namespace reorder = kernels::reorder;
using kernels::bfloat16;
using kernels::ChannelsLast;
using kernels::FeatureMap;
using reference::Values;

template <typename FromType, typename ToType>
struct Pair {
  using From = FromType;
  using To = ToType;
};
template <typename Types>
class EmulatedReorder : public testing::Test {};
using Pairs = testing::Types<Pair<bfloat16, bfloat16>, Pair<float, float>, Pair<double, double>,
                             Pair<bfloat16, float>, Pair<float, bfloat16>>;
TYPED_TEST_SUITE(EmulatedReorder, Pairs);

// One rounding to To where nothing is added, two where something is; |values| are at most 2.
template <typename To>
double rounding(bool accumulate) {
  return accumulate ? 2 * (storage_roundoff<To>() + reference::kRoundoff<kernels::Arithmetic<To>>) : 0;
}

template <typename From, typename To, typename Launch>
void expect_result(const std::vector<From>& from, const Values& moved, bool accumulate, const Launch& run) {
  const std::vector<To> start = stored_values<To>(from.size(), 2);
  const DeviceArray<From> in(from);
  const DeviceArray<To> out(start.size());
  const auto bytes = run_in_both_orders(
      [&] {
        out.set(start);
        if (!accumulate) out.poison();
        return run(in.get(), out.get());
      },
      [&] { return bytes_of(out.values()); });
  // A change of type alone rounds as narrow() does: compare bits through it.
  Values expected = widened(narrowed<To>(moved));
  if (accumulate)
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = moved[i] + static_cast<double>(kernels::widen(start[i]));
  EXPECT_TRUE(reference::within(widened(values_of<To>(bytes)), expected, rounding<To>(accumulate)));
}

template <typename From, typename To>
void expect_reordered(int images, int channels, int pixels, bool accumulate) {
  SCOPED_TRACE(testing::Message() << images << " x " << channels << " x " << pixels);
  const ChannelsLast map{images, pixels, channels};
  const auto from = stored_values<From>(static_cast<std::size_t>(map.elements()), 1);
  expect_result<From, To>(from, reference::to_blocked(images, channels, pixels, channels, widened(from), 0),
                          accumulate, [&](const From* in, To* out) {
                            return reorder::device::to_channels_last<From, To>(emulated_exec(), map, in, out,
                                                                               accumulate);
                          });
  expect_result<From, To>(from, reference::from_blocked(images, channels, pixels, channels, widened(from)),
                          accumulate, [&](const From* in, To* out) {
                            return reorder::device::to_plain<From, To>(emulated_exec(), map, in, out,
                                                                       accumulate);
                          });
}

TYPED_TEST(EmulatedReorder, AwkwardShapes) {
  for (int channels : kAwkward)
    for (int pixels : {1, 35, 99})
      expect_reordered<typename TypeParam::From, typename TypeParam::To>(channels > 100 ? 1 : 3, channels,
                                                                         pixels, channels == 33);
}

TYPED_TEST(EmulatedReorder, ImagesAndNetworkChannels) {
  using From = typename TypeParam::From;
  using To = typename TypeParam::To;
  expect_reordered<From, To>(2, 3, 32 * 32, false);
  expect_reordered<From, To>(2, 3, 28 * 28, true);
  expect_reordered<From, To>(2, 2, 800, false);
  for (int channels : kNetworkChannels) expect_reordered<From, To>(1, channels, 4, channels % 64 == 0);
}

TYPED_TEST(EmulatedReorder, Cast) {
  using From = typename TypeParam::From;
  using To = typename TypeParam::To;
  for (int n : {1, 7, 31, 33, 257, 1024})
    for (bool accumulate : {false, true}) {
      const auto from = stored_values<From>(static_cast<std::size_t>(n), 1);
      expect_result<From, To>(from, widened(from), accumulate, [&](const From* in, To* out) {
        return reorder::device::cast<From, To>(emulated_exec(), n, in, out, accumulate);
      });
    }
}

TYPED_TEST(EmulatedReorder, CastOffTheVectorBoundary) {
  using From = typename TypeParam::From;
  using To = typename TypeParam::To;
  const auto from = stored_values<From>(40, 1);
  const ShiftedArray<From> in(1, from);
  const DeviceArray<To> out(40);
  ASSERT_TRUE((reorder::device::cast<From, To>(emulated_exec(), 40, in.get(), out.get(), false).ok()));
  EXPECT_EQ(widened(out.values()), widened(narrowed<To>(widened(from))));
}

template <typename T>
void expect_equal_to_the_cpu(bool accumulate) {
  const FeatureMap plain{2, 33, 35, 1}, last{2, 33, 35, 33};
  const auto from = stored_values<T>(static_cast<std::size_t>(plain.elements()), 1),
             start = stored_values<T>(from.size(), 2);
  std::vector<T> expected = start;
  reorder::copy<T, T>({}, plain, from.data(), last, expected.data(), accumulate);
  const DeviceArray<T> in(from), out(start);
  ASSERT_TRUE(
      (reorder::device::to_channels_last<T, T>(emulated_exec(), {2, 35, 33}, in.get(), out.get(), accumulate)
           .ok()));
  EXPECT_EQ(out.values(), expected);
  // And back: the way to plain undoes the way from it.
  const DeviceArray<T> back(from.size());
  ASSERT_TRUE(
      (reorder::device::to_channels_last<T, T>(emulated_exec(), {2, 35, 33}, in.get(), out.get(), false)
           .ok()));
  ASSERT_TRUE(
      (reorder::device::to_plain<T, T>(emulated_exec(), {2, 35, 33}, out.get(), back.get(), false).ok()));
  EXPECT_EQ(back.values(), from);
}

TEST(EmulatedReorderTwin, EqualsTheCpu) {
  for (bool accumulate : {false, true}) {
    expect_equal_to_the_cpu<float>(accumulate);
    expect_equal_to_the_cpu<double>(accumulate);
  }
}

}  // namespace
}  // namespace mebm::test
