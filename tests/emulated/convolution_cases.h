#pragma once
// Convolutions of a device library against the naive loops; the emulator's and cuDNN's run the same cases.

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv2d/conv2d_device.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/oracle.h"
#include "tests/reference/test_data.h"

namespace mebm::test {

inline kernels::conv2d::Params params_of(const reference::Convolution& c, bool accumulate) {
  return {.images = c.images,
          .in_channels = c.in_channels,
          .in_height = c.in_height,
          .in_width = c.in_width,
          .out_channels = c.out_channels,
          .out_height = c.out_height(),
          .out_width = c.out_width(),
          .kernel = c.kernel,
          .stride = c.stride,
          .padding = c.padding,
          .accumulate = accumulate};
}

// [outer][channels][pixels] <-> [outer][pixels][channels]
inline reference::Values channels_last(const reference::Values& plain, int outer, int channels) {
  const std::size_t c = static_cast<std::size_t>(channels), n = static_cast<std::size_t>(outer);
  const std::size_t pixels = plain.size() / (c * n);
  reference::Values out(plain.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < c; ++j)
      for (std::size_t p = 0; p < pixels; ++p)
        out[(i * pixels + p) * c + j] = plain[(i * c + j) * pixels + p];
  return out;
}

template <typename T>
reference::Values rounded_values(std::size_t count, std::uint32_t seed) {
  return widened(narrowed<T>(reference::random_values(count, seed)));
}

template <typename T>
class LibraryConvolution {
  using Convolution = reference::Convolution;
  using Direction = kernels::conv2d::Direction;
  using Element = kernels::conv2d::device::Element;
  using Values = reference::Values;

 public:
  // product_error: of each product, relative; 0 where products are exact in T's arithmetic.
  LibraryConvolution(const kernels::DeviceExec& exec, kernels::conv2d::device::Library& library,
                     Element element, double product_error, const Convolution& c)
      : exec_(exec),
        library_(library),
        element_(element),
        product_error_(product_error),
        c_(c),
        x_(rounded_values<T>(c.x_count(), 1)),
        w_(rounded_values<T>(c.w_count(), 2)),
        bias_(rounded_values<T>(static_cast<std::size_t>(c.out_channels), 3)),
        residual_(rounded_values<T>(c.y_count(), 4)),
        dy_(rounded_values<T>(c.y_count(), 5)) {}

  // Every direction; forward with and without bias and residual.
  void check_all() const {
    SCOPED_TRACE(std::to_string(c_.in_channels) + " -> " + std::to_string(c_.out_channels) + ", kernel " +
                 std::to_string(c_.kernel) + ", stride " + std::to_string(c_.stride));
    for (bool bias : {false, true})
      for (bool residual : {false, true}) check_forward(bias, residual);
    check_backward_data();
    check_backward_weights();
  }

 private:
  void check_forward(bool with_bias, bool with_residual) const {
    const Values bias = with_bias ? bias_ : Values(), residual = with_residual ? residual_ : Values();
    const DeviceArray<T> x(x_memory()), w(w_memory()), b(narrowed<T>(bias_)), r(y_memory(residual_));
    const DeviceArray<T> y(c_.y_count());
    kernels::conv2d::device::Buffers buffers;
    buffers.x = x.get();
    buffers.weights = w.get();
    buffers.bias = with_bias ? b.get() : nullptr;
    buffers.residual = with_residual ? r.get() : nullptr;
    buffers.y = y.get();
    run(Direction::forward, with_residual, buffers);
    expect_close(widened(y.values()),
                 channels_last(convolution(c_, x_, w_, bias, residual), c_.images, c_.out_channels),
                 channels_last(convolution(c_, reference::absolute(x_), reference::absolute(w_),
                                           reference::absolute(bias), reference::absolute(residual)),
                               c_.images, c_.out_channels),
                 c_.in_channels * c_.kernel * c_.kernel + 2);
  }
  void check_backward_data() const {
    const DeviceArray<T> dy(y_memory(dy_)), w(w_memory()), dx(c_.x_count());
    kernels::conv2d::device::Buffers buffers;
    buffers.dy = dy.get();
    buffers.weights = w.get();
    buffers.dx = dx.get();
    run(Direction::backward_data, false, buffers);
    const Values magnitude =
        convolution_input_gradient(c_, reference::absolute(dy_), reference::absolute(w_));
    expect_close(widened(dx.values()),
                 channels_last(convolution_input_gradient(c_, dy_, w_), c_.images, c_.in_channels),
                 channels_last(magnitude, c_.images, c_.in_channels),
                 c_.out_channels * c_.kernel * c_.kernel);
  }
  void check_backward_weights() const {
    const DeviceArray<T> x(x_memory()), dy(y_memory(dy_)), dw(c_.w_count());
    kernels::conv2d::device::Buffers buffers;
    buffers.x = x.get();
    buffers.dy = dy.get();
    buffers.dw = dw.get();
    run(Direction::backward_weights, false, buffers);
    const Values magnitude =
        convolution_weight_gradient(c_, reference::absolute(x_), reference::absolute(dy_));
    expect_close(widened(dw.values()),
                 channels_last(convolution_weight_gradient(c_, x_, dy_), c_.out_channels, c_.in_channels),
                 channels_last(magnitude, c_.out_channels, c_.in_channels),
                 c_.images * c_.out_height() * c_.out_width());
  }

  std::vector<T> x_memory() const { return narrowed<T>(channels_last(x_, c_.images, c_.in_channels)); }
  std::vector<T> w_memory() const { return narrowed<T>(channels_last(w_, c_.out_channels, c_.in_channels)); }
  std::vector<T> y_memory(const Values& values) const {
    return narrowed<T>(channels_last(values, c_.images, c_.out_channels));
  }

  void run(Direction direction, bool accumulate, kernels::conv2d::device::Buffers buffers) const {
    const kernels::conv2d::device::PlanResult made =
        library_.make_plan(params_of(c_, accumulate), direction, element_);
    ASSERT_TRUE(made.plan != nullptr) << made.status.error();
    const DeviceBytes workspace(made.plan->workspace_bytes());
    buffers.workspace = workspace.memory();
    const kernels::Status status = made.plan->execute(exec_, buffers);
    ASSERT_TRUE(status.ok()) << status.error();
  }

  // One rounding to T and `terms` in its arithmetic.
  void expect_close(const Values& actual, const Values& expected, const Values& magnitude, int terms) const {
    const Values bound = reference::sum_bound<kernels::Arithmetic<T>>(magnitude, terms + 1);
    const double store = sizeof(T) == 2 ? 1.0 / 256 : reference::kRoundoff<kernels::Arithmetic<T>>;
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], bound[i] * (1 + store) + store * std::abs(expected[i]))
          << "at " << i;
  }

  kernels::DeviceExec exec_;
  kernels::conv2d::device::Library& library_;
  Element element_;
  double product_error_;
  Convolution c_;
  Values x_, w_, bias_, residual_, dy_;
};

}  // namespace mebm::test
