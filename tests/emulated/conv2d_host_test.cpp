// The emulator's convolutions against the naive loops, and what they refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_device.h"
#include "kernels/emulator/emulated_runtime.h"
#include "tests/emulated/device_array.h"
#include "tests/reference/oracle.h"
#include "tests/reference/test_data.h"

namespace mebm::test {
namespace {

namespace device = kernels::conv2d::device;
using device::Element;
using kernels::bfloat16;
using kernels::conv2d::Direction;
using kernels::conv2d::Params;
using reference::absolute;
using reference::Convolution;
using reference::kRoundoff;
using reference::random_values;
using reference::sum_bound;
using reference::Values;
using reference::within;

template <typename T>
constexpr Element kElement = sizeof(T) == 2   ? Element::bf16
                             : sizeof(T) == 4 ? Element::fp32
                                              : Element::fp64;

Params params_of(const Convolution& c, bool accumulate) {
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
Values channels_last(const Values& plain, int outer, int channels) {
  const std::size_t c = static_cast<std::size_t>(channels), n = static_cast<std::size_t>(outer);
  const std::size_t pixels = plain.size() / (c * n);
  Values out(plain.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < c; ++j)
      for (std::size_t p = 0; p < pixels; ++p)
        out[(i * pixels + p) * c + j] = plain[(i * c + j) * pixels + p];
  return out;
}

template <typename T>
Values rounded(std::size_t count, std::uint32_t seed) {
  return widened(narrowed<T>(random_values(count, seed)));
}

template <typename T>
class HostConvolution {
 public:
  explicit HostConvolution(const Convolution& c)
      : c_(c),
        x_(rounded<T>(c.x_count(), 1)),
        w_(rounded<T>(c.w_count(), 2)),
        bias_(rounded<T>(static_cast<std::size_t>(c.out_channels), 3)),
        residual_(rounded<T>(c.y_count(), 4)),
        dy_(rounded<T>(c.y_count(), 5)) {}

  void check_forward(bool with_bias, bool with_residual) const {
    const Values bias = with_bias ? bias_ : Values(), residual = with_residual ? residual_ : Values();
    const DeviceArray<T> x(x_memory()), w(w_memory()), b(narrowed<T>(bias_)), r(y_memory(residual_));
    const DeviceArray<T> y(c_.y_count());
    device::Buffers buffers;
    buffers.x = x.get();
    buffers.weights = w.get();
    buffers.bias = with_bias ? b.get() : nullptr;
    buffers.residual = with_residual ? r.get() : nullptr;
    buffers.y = y.get();
    run(Direction::forward, with_residual, buffers);
    expect_close(
        widened(y.values()),
        channels_last(convolution(c_, x_, w_, bias, residual), c_.images, c_.out_channels),
        channels_last(convolution(c_, absolute(x_), absolute(w_), absolute(bias), absolute(residual)),
                      c_.images, c_.out_channels),
        c_.in_channels * c_.kernel * c_.kernel + 2);
  }
  void check_backward_data() const {
    const DeviceArray<T> dy(y_memory(dy_)), w(w_memory()), dx(c_.x_count());
    device::Buffers buffers;
    buffers.dy = dy.get();
    buffers.weights = w.get();
    buffers.dx = dx.get();
    run(Direction::backward_data, false, buffers);
    const Values magnitude = convolution_input_gradient(c_, absolute(dy_), absolute(w_));
    expect_close(widened(dx.values()),
                 channels_last(convolution_input_gradient(c_, dy_, w_), c_.images, c_.in_channels),
                 channels_last(magnitude, c_.images, c_.in_channels),
                 c_.out_channels * c_.kernel * c_.kernel);
  }
  void check_backward_weights() const {
    const DeviceArray<T> x(x_memory()), dy(y_memory(dy_)), dw(c_.w_count());
    device::Buffers buffers;
    buffers.x = x.get();
    buffers.dy = dy.get();
    buffers.dw = dw.get();
    run(Direction::backward_weights, false, buffers);
    const Values magnitude = convolution_weight_gradient(c_, absolute(x_), absolute(dy_));
    expect_close(widened(dw.values()),
                 channels_last(convolution_weight_gradient(c_, x_, dy_), c_.out_channels, c_.in_channels),
                 channels_last(magnitude, c_.out_channels, c_.in_channels),
                 c_.images * c_.out_height() * c_.out_width());
  }

 private:
  std::vector<T> x_memory() const { return narrowed<T>(channels_last(x_, c_.images, c_.in_channels)); }
  std::vector<T> w_memory() const { return narrowed<T>(channels_last(w_, c_.out_channels, c_.in_channels)); }
  std::vector<T> y_memory(const Values& values) const {
    return narrowed<T>(channels_last(values, c_.images, c_.out_channels));
  }

  void run(Direction direction, bool accumulate, device::Buffers buffers) const {
    device::LibraryResult library = device::make_library("");
    ASSERT_TRUE(library.library != nullptr) << library.status.error();
    device::PlanResult made = library.library->make_plan(params_of(c_, accumulate), direction, kElement<T>);
    ASSERT_TRUE(made.plan != nullptr) << made.status.error();
    EXPECT_EQ(made.plan->description(), "host");
    const DeviceBytes workspace(made.plan->workspace_bytes());
    buffers.workspace = workspace.memory();
    const kernels::Status status = made.plan->execute(emulated_exec(), buffers);
    ASSERT_TRUE(status.ok()) << status.error();
  }

  // One rounding to T and `terms` in its arithmetic.
  static void expect_close(const Values& actual, const Values& expected, const Values& magnitude, int terms) {
    const Values bound = sum_bound<kernels::Arithmetic<T>>(magnitude, terms + 1);
    const double store = sizeof(T) == 2 ? 1.0 / 256 : kRoundoff<kernels::Arithmetic<T>>;
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], bound[i] * (1 + store) + store * std::abs(expected[i]))
          << "at " << i;
  }

  Convolution c_;
  Values x_, w_, bias_, residual_, dy_;
};

template <typename T>
void check_all(const Convolution& c) {
  SCOPED_TRACE(std::to_string(c.in_channels) + " -> " + std::to_string(c.out_channels) + ", kernel " +
               std::to_string(c.kernel) + ", stride " + std::to_string(c.stride));
  const HostConvolution<T> test(c);
  for (bool bias : {false, true})
    for (bool residual : {false, true}) test.check_forward(bias, residual);
  test.check_backward_data();
  test.check_backward_weights();
}

TEST(EmulatedConvolution, EqualsTheNaiveLoops) {
  for (const Convolution& c : {Convolution{2, 3, 7, 5, 16, 3, 1, 1}, Convolution{3, 16, 8, 8, 32, 3, 2, 1},
                               Convolution{2, 31, 5, 7, 33, 3, 2, 1}, Convolution{2, 16, 7, 7, 5, 1, 2, 0},
                               Convolution{1, 1, 1, 1, 1, 3, 1, 1}, Convolution{2, 33, 4, 6, 31, 1, 1, 0}}) {
    check_all<double>(c);
    check_all<float>(c);
    check_all<bfloat16>(c);
  }
}

std::string refusal(const Params& params, Direction direction, const device::Buffers& buffers) {
  const device::LibraryResult library = device::make_library("");
  const device::PlanResult made = library.library->make_plan(params, direction, Element::fp32);
  if (made.plan == nullptr) return made.status.error();
  return made.plan->execute(emulated_exec(), buffers).error();
}

TEST(EmulatedConvolution, RefusesNamingTheConvolution) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const Params params = params_of({2, 3, 8, 8, 16, 3, 2, 1}, true);
  Params wrong = params;
  wrong.out_width = 5;
  EXPECT_EQ(
      refusal(wrong, Direction::forward, {}),
      "forward convolution 2x3x8x8 -> 2x16x4x5, kernel 3, stride 2, padding 1, plus residual, fp32: the "
      "output must be 4x4");
  const DeviceBytes memory(4096);
  device::Buffers buffers;
  buffers.x = buffers.weights = memory.memory();
  buffers.y = buffers.workspace = memory.memory();
  EXPECT_THAT(refusal(params, Direction::forward, buffers),
              AllOf(HasSubstr("2x3x8x8 -> 2x16x4x4"), HasSubstr("residual is null")));
  buffers.residual = buffers.y;
  EXPECT_THAT(refusal(params, Direction::forward, buffers), HasSubstr("residual and y are the same memory"));
  buffers.residual = static_cast<std::byte*>(memory.memory()) + 4;
  EXPECT_THAT(refusal(params, Direction::forward, buffers), HasSubstr("residual is not aligned to 16 bytes"));
  buffers.residual = nullptr;
  EXPECT_THAT(refusal(params, Direction::backward_weights, buffers), HasSubstr("dy is null"));
}

// The workspace counts as written: two convolutions that share one on parallel branches are refused.
TEST(EmulatedConvolution, SharedWorkspaceOfParallelBranchesIsAConflict) {
  namespace runtime = kernels::runtime;
  const Params params = params_of({1, 1, 4, 4, 1, 3, 1, 1}, false);
  const device::LibraryResult library = device::make_library("");
  const device::PlanResult made = library.library->make_plan(params, Direction::forward, Element::fp32);
  const DeviceBytes x(64), w(64), y(64), other(64), workspace(made.plan->workspace_bytes());
  runtime::Stream *first = nullptr, *second = nullptr;
  runtime::Event* event = nullptr;
  runtime::Graph* graph = nullptr;
  ASSERT_TRUE(runtime::create_stream(first).ok() && runtime::create_stream(second).ok() &&
              runtime::create_event(event).ok());
  const auto execute = [&](runtime::Stream* stream, void* out) {
    device::Buffers buffers;
    buffers.x = x.memory();
    buffers.weights = w.memory();
    buffers.y = out;
    buffers.workspace = workspace.memory();
    return made.plan->execute({stream, 3}, buffers);
  };
  ASSERT_TRUE(runtime::begin_capture(first).ok() && runtime::record(event, first).ok() &&
              runtime::wait(second, event).ok());
  EXPECT_TRUE(execute(first, y.memory()).ok() && execute(second, other.memory()).ok());
  EXPECT_TRUE(runtime::record(event, second).ok() && runtime::wait(first, event).ok());
  EXPECT_THAT(runtime::end_capture(first, graph).error(), ::testing::HasSubstr("nothing orders them"));
  runtime::destroy(graph);
  runtime::destroy(event);
  runtime::destroy(second);
  runtime::destroy(first);
}

}  // namespace
}  // namespace mebm::test
