// The stem's kernels against the naive convolution in fp64, the CPU's convolution and the CPU's Langevin
// step.

#include "kernels/stem_conv2d/stem_conv2d.h"

#include <gtest/gtest.h>

#include "tests/emulated/stem_cases.h"

namespace mebm::test {
namespace {

namespace langevin_step = kernels::langevin_step;
using kernels::bfloat16;
using kernels::Status;
using reference::absolute;

// Unit roundoff of storing a value as T after arithmetic in a wider type.
template <typename T>
constexpr double kStorage = 0;
template <>
constexpr double kStorage<bfloat16> = 1.0 / 256;

template <typename T>
void expect_forward(const Convolution& c, bool with_bias) {
  const Inputs<T> in(c);
  const auto x = in.device_x();
  const auto w = in.device_w();
  const auto bias = in.device_bias();
  const DeviceArray<T> y(c.y_count());
  run_in_both_orders(
      [&] {
        y.poison();
        return stem::forward<T>(emulated_exec(), params_of(c), x.get(), w.get(),
                                with_bias ? bias.get() : nullptr, y.get());
      },
      [&] { return bytes_of(y.values()); });
  const Values b = with_bias ? in.bias : Values();
  const Values expected = reference::convolution(c, in.x, in.w, b, {});
  Values bound = reference::sum_bound<Arithmetic<T>>(
      reference::convolution(c, absolute(in.x), absolute(in.w), absolute(b), {}), 9 * c.in_channels + 1);
  for (std::size_t i = 0; i < bound.size(); ++i) bound[i] += kStorage<T> * (std::abs(expected[i]) + bound[i]);
  EXPECT_TRUE(reference::within(widened(plain_features(c, y.values())), expected, bound)) << text_of(c);
}

template <typename T>
void expect_backward_data(const Convolution& c, bool accumulate) {
  using A = Arithmetic<T>;
  const Inputs<T> in(c);
  const auto w = in.device_w();
  const auto dy = in.device_dy();
  const DeviceArray<A> dx(c.x_count());
  run_in_both_orders(
      [&] {
        dx.poison();
        if (accumulate) dx.set(narrowed<A>(in.x));
        return stem::backward_data<T>(emulated_exec(), params_of(c), dy.get(), w.get(), dx.get(), accumulate);
      },
      [&] { return bytes_of(dx.values()); });
  Values expected = reference::convolution_input_gradient(c, in.dy, in.w);
  Values magnitude = reference::convolution_input_gradient(c, absolute(in.dy), absolute(in.w));
  for (std::size_t i = 0; accumulate && i < expected.size(); ++i) {
    expected[i] += in.x[i];
    magnitude[i] += std::abs(in.x[i]);
  }
  EXPECT_TRUE(reference::within(widened(dx.values()), expected,
                                reference::sum_bound<A>(magnitude, 9 * c.out_channels + 1)))
      << text_of(c);
}

langevin_step::Params langevin_of(const Convolution& c, double noise, const std::uint32_t* cell) {
  langevin_step::Params params;
  params.images = c.images;
  params.elements = std::int64_t{c.in_channels} * c.in_height * c.in_width;
  params.step_size = 0.7;
  params.noise = noise;
  params.gradient_clamp = 2;
  params.pixel_clamp = 1.25;
  params.key = kernels::PhiloxKey(99);
  params.iteration = cell != nullptr ? 1234 : 5;  // the cell counts
  params.step = 3;
  params.first_slot = 11;
  params.iteration_cell = cell;
  return params;
}

template <typename T>
void expect_langevin(const Convolution& c, double noise) {
  using A = Arithmetic<T>;
  const Inputs<T> in(c);
  const auto w = in.device_w();
  const auto dy = in.device_dy();
  const DeviceArray<std::uint32_t> iteration(std::vector<std::uint32_t>{5});
  const std::uint32_t* const cell = noise > 0.2 ? iteration.get() : nullptr;
  const langevin_step::Params langevin = langevin_of(c, noise, cell);
  const kernels::DeviceExec exec = emulated_exec();

  const DeviceArray<A> expected(narrowed<A>(in.x)), gradient(c.x_count()), x(c.x_count());
  Status status = stem::backward_data<T>(exec, params_of(c), dy.get(), w.get(), gradient.get(), false);
  ASSERT_TRUE(status.ok()) << status.error();
  status = langevin_step::device::step<A>(exec, langevin, expected.get(), gradient.get());
  ASSERT_TRUE(status.ok()) << status.error();
  run_in_both_orders(
      [&] {
        x.set(narrowed<A>(in.x));
        return stem::backward_data_langevin<T>(exec, params_of(c), langevin, dy.get(), w.get(), x.get());
      },
      [&] { return bytes_of(x.values()); });
  EXPECT_EQ(x.values(), expected.values()) << text_of(c) << ", noise " << noise;
}

template <typename T>
class EmulatedStem : public testing::Test {};
using Types = testing::Types<bfloat16, float, double>;
TYPED_TEST_SUITE(EmulatedStem, Types);

TYPED_TEST(EmulatedStem, Forward) {
  for (const Convolution& c : shapes())
    for (bool with_bias : {true, false}) expect_forward<TypeParam>(c, with_bias);
}

TYPED_TEST(EmulatedStem, BackwardData) {
  for (const Convolution& c : shapes())
    for (bool accumulate : {false, true}) expect_backward_data<TypeParam>(c, accumulate);
}

TYPED_TEST(EmulatedStem, LangevinIsTheSameAsTwoKernels) {
  for (const Convolution& c : shapes())
    for (double noise : {0.0, 0.1, 0.3}) expect_langevin<TypeParam>(c, noise);
}

TEST(EmulatedStemAgainstTheCpu, Forward) {
  for (const Convolution& c : shapes()) {
    const Inputs<double> in(c);
    const auto x = in.device_x(), w = in.device_w(), bias = in.device_bias();
    const DeviceArray<double> y(c.y_count());
    const Status status =
        stem::forward<double>(emulated_exec(), params_of(c), x.get(), w.get(), bias.get(), y.get());
    ASSERT_TRUE(status.ok()) << status.error();
    const Values expected =
        cpu_convolution(c, conv2d::Direction::forward, {.x = in.x.data(), .bias = in.bias.data()}, in.w,
                        c.y_count(), &conv2d::Buffers::y);
    EXPECT_TRUE(reference::within(plain_features(c, y.values()), expected, 1e-13)) << text_of(c);
  }
}

TEST(EmulatedStemAgainstTheCpu, GradientThenLangevinStep) {
  for (const Convolution& c : shapes()) {
    const Inputs<double> in(c);
    const auto w = in.device_w(), dy = in.device_dy(), x = in.device_x();
    const langevin_step::Params langevin = langevin_of(c, 0.3, nullptr);
    const Status status = stem::backward_data_langevin<double>(emulated_exec(), params_of(c), langevin,
                                                               dy.get(), w.get(), x.get());
    ASSERT_TRUE(status.ok()) << status.error();
    const Values gradient = cpu_convolution(c, conv2d::Direction::backward_data, {.dy = in.dy.data()}, in.w,
                                            c.x_count(), &conv2d::Buffers::dx);
    Values expected = in.x;
    langevin_step::step<double>({}, langevin, expected.data(), gradient.data());
    EXPECT_TRUE(reference::within(x.values(), expected, 1e-12)) << text_of(c);
  }
}

TEST(EmulatedStemChecks, NoImages) {
  stem::Params params = params_of(shape_of(1, 3, 8, 8, 16));
  params.images = 0;
  const kernels::DeviceExec exec = emulated_exec();
  EXPECT_TRUE(stem::forward<float>(exec, params, nullptr, nullptr, nullptr, nullptr).ok());
  EXPECT_TRUE(stem::backward_data<float>(exec, params, nullptr, nullptr, nullptr, false).ok());
  EXPECT_TRUE(stem::backward_data_langevin<float>(exec, params, {}, nullptr, nullptr, nullptr).ok());
  // Sums of nothing are zeros, not what was there before.
  const DeviceArray<float> dw(16 * 27), dbias(std::vector<float>(16, 2.0f));
  const Status status = stem::backward_weights<float>(exec, params, nullptr, nullptr, dw.get(), dbias.get(),
                                                      false, true, nullptr);
  ASSERT_TRUE(status.ok()) << status.error();
  EXPECT_EQ(dw.values(), std::vector<float>(16 * 27, 0.0f));
  EXPECT_EQ(dbias.values(), std::vector<float>(16, 2.0f));
}

TEST(EmulatedStemChecks, SaysWhatItCannotDo) {
  const auto error = [](int in, int out) {
    return stem::forward<float>(emulated_exec(), params_of(shape_of(2, in, 8, 9, out)), nullptr, nullptr,
                                nullptr, nullptr)
        .error();
  };
  EXPECT_EQ(error(5, 16), "stem_conv2d forward (2 x 5 x 8 x 9 -> 16): in_channels must be 1 ... 4");
  for (int out : {0, 12, 72})
    EXPECT_EQ(error(3, out), "stem_conv2d forward (2 x 3 x 8 x 9 -> " + std::to_string(out) +
                                 "): out_channels must be 8, 16, ... or 64");
  const Convolution c = shape_of(2, 3, 8, 9, 16);
  langevin_step::Params langevin = langevin_of(c, 0, nullptr);
  langevin.elements = 100;
  EXPECT_EQ(
      stem::backward_data_langevin<float>(emulated_exec(), params_of(c), langevin, nullptr, nullptr, nullptr)
          .error(),
      "stem_conv2d backward_data_langevin (2 x 3 x 8 x 9 -> 16): the Langevin step is of 2 chains of 100 "
      "elements");
}

}  // namespace
}  // namespace mebm::test
