// The stem's weight gradient against the naive sums in fp64 and the CPU's convolution.

#include <gtest/gtest.h>

#include "tests/emulated/stem_cases.h"

namespace mebm::test {
namespace {

using kernels::bfloat16;
using reference::absolute;

template <typename T>
struct WeightGradient {
  std::vector<Arithmetic<T>> weights, bias;
};

template <typename T>
WeightGradient<T> weight_gradient(const Inputs<T>& in, int multiprocessors, bool accumulate, bool with_bias) {
  using A = Arithmetic<T>;
  const Convolution& c = in.c;
  const auto x = in.device_x();
  const auto dy = in.device_dy();
  const kernels::DeviceExec exec = emulated_exec(multiprocessors);
  const DeviceArray<A> dw(c.w_count()), dbias(static_cast<std::size_t>(c.out_channels));
  const DeviceArray<std::byte> scratch(stem::backward_weights_scratch_bytes(exec, params_of(c)));
  run_in_both_orders(
      [&] {
        dw.poison();
        dbias.poison();
        scratch.poison();
        if (accumulate) {
          dw.set(device_weights(c, narrowed<A>(in.w)));
          dbias.set(narrowed<A>(in.bias));
        }
        return stem::backward_weights<T>(exec, params_of(c), x.get(), dy.get(), dw.get(),
                                         with_bias ? dbias.get() : nullptr, accumulate, accumulate,
                                         scratch.get());
      },
      [&] {
        std::vector<std::byte> bytes = bytes_of(dw.values());
        if (with_bias) {
          const std::vector<std::byte> more = bytes_of(dbias.values());
          bytes.insert(bytes.end(), more.begin(), more.end());
        }
        return bytes;
      });
  return {plain_weights(c, dw.values()), dbias.values()};
}

template <typename T>
void expect_weight_gradient(const Convolution& c, int multiprocessors, bool accumulate, bool with_bias) {
  using A = Arithmetic<T>;
  const Inputs<T> in(c);
  const auto actual = weight_gradient(in, multiprocessors, accumulate, with_bias);
  const auto check = [&](const std::vector<A>& values, Values expected, Values magnitude,
                         const Values& before) {
    for (std::size_t i = 0; accumulate && i < expected.size(); ++i) {
      expected[i] += before[i];
      magnitude[i] += std::abs(before[i]);
    }
    const double terms = static_cast<double>(c.images) * c.in_height * c.in_width + 1;
    EXPECT_TRUE(reference::within(widened(values), expected, reference::sum_bound<A>(magnitude, terms)))
        << text_of(c) << ", " << multiprocessors << " multiprocessors";
  };
  check(actual.weights, reference::convolution_weight_gradient(c, in.x, in.dy),
        reference::convolution_weight_gradient(c, absolute(in.x), absolute(in.dy)), in.w);
  if (with_bias)
    check(actual.bias, reference::convolution_bias_gradient(c, in.dy),
          reference::convolution_bias_gradient(c, absolute(in.dy)), in.bias);
}

template <typename T>
class EmulatedStemWeights : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedStemWeights, Types);

TYPED_TEST(EmulatedStemWeights, EqualTheOracle) {
  for (const Convolution& c : shapes()) {
    expect_weight_gradient<TypeParam>(c, 1, false, true);
    expect_weight_gradient<TypeParam>(c, 3, true, c.in_channels != 3);
  }
  // Several segments for every lane, and blocks that get one more than others.
  expect_weight_gradient<TypeParam>(shape_of(1, 3, 32, 32, 16), 7, true, true);
}

TEST(EmulatedStemWeightsAgainstTheCpu, BackwardWeights) {
  for (const Convolution& c : shapes()) {
    const Inputs<double> in(c);
    const auto actual = weight_gradient(in, 1, false, true);
    Values dbias(static_cast<std::size_t>(c.out_channels));
    const Values expected = cpu_convolution(c, conv2d::Direction::backward_weights,
                                            {.x = in.x.data(), .dy = in.dy.data(), .dbias = dbias.data()},
                                            in.w, c.w_count(), &conv2d::Buffers::dw);
    EXPECT_TRUE(reference::within(actual.weights, expected, 1e-11)) << text_of(c);
    EXPECT_TRUE(reference::within(actual.bias, dbias, 1e-11)) << text_of(c);
  }
}

}  // namespace
}  // namespace mebm::test
