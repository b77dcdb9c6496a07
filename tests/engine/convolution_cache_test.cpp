// Plans by shape, weights prepared once per version, results of the tensor operation against the oracle.

#include "engine/device/convolution_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/device/context.h"
#include "engine/ops/convolution.h"
#include "engine/ops/elementwise.h"
#include "tests/reference/test_data.h"

namespace mebm::engine {
namespace {

using reference::Convolution;
using reference::Values;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr Convolution kCase{2, 3, 6, 5, 16, 3, 1, 1};

Tensor make(Context& context, const Shape& shape, DType dtype, const Values& values) {
  Tensor t = context.empty(shape, dtype);
  ops::write(values, t);
  return t;
}

Values plain_values(Context& context, const Tensor& t) {
  const Tensor plain = ops::in_layout(context, t, Layout::plain);
  Values out(static_cast<std::size_t>(plain.elements()));
  ops::read(plain, out);
  return out;
}

struct Inputs {
  Values x = reference::random_values(kCase.x_count(), 1), w = reference::random_values(kCase.w_count(), 2);
};

TEST(ConvolutionCache, WeightsArePreparedOncePerVersion) {
  Context context;
  const Inputs in;
  for (DType dtype : {DType::fp32, DType::fp64}) {
    const Tensor x = make(context, {2, 3, 6, 5}, dtype, in.x);
    Tensor w = make(context, {16, 3, 3, 3}, dtype, in.w);
    const std::uint64_t start = context.convolutions().preparations();
    const auto run = [&] { return plain_values(context, ops::convolution(context, x, w, {}, {1, 1}, {})); };
    const Values first = run();
    EXPECT_EQ(context.convolutions().preparations(), start + 1);
    EXPECT_EQ(run(), first);
    EXPECT_EQ(context.convolutions().preparations(), start + 1);
    ops::axpby(context, 1, w, 1, w);  // doubled in place
    const Values second = run();
    EXPECT_EQ(context.convolutions().preparations(), start + 2);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(second[i], 2 * first[i], 1e-5);
  }
}

// Winograd's format takes four times the weights' memory: it is given back with the last use, and made again
// if that was not the last. Direct formats stay.
TEST(ConvolutionCache, LargeFormatsAreGivenBackAtTheirLastUse) {
  for (const ConvolutionChoice choice : {ConvolutionChoice::winograd, ConvolutionChoice::direct}) {
    Context context({.convolution = choice});
    const Layout layout = context.feature_layout(16, DType::fp32);
    if (layout == Layout::plain) GTEST_SKIP() << "this processor has no channel blocks";
    const Tensor w = make(context, {16, 16, 3, 3}, DType::fp32, reference::random_values(16 * 16 * 9, 2));
    Tensor x = context.empty({1, 16, 8, 8}, DType::fp32, layout);
    ops::fill(context, 0.5, x);
    const auto run = [&](ops::WeightUse use) { ops::convolution(context, x, w, {}, {1, 1}, {}, use); };
    const std::size_t before = context.arena().bytes_in_use();
    run(ops::WeightUse::again);
    EXPECT_GT(context.arena().bytes_in_use(), before);
    run(ops::WeightUse::last);
    EXPECT_EQ(context.convolutions().preparations(), 1u);
    EXPECT_EQ(context.arena().bytes_in_use() > before, choice == ConvolutionChoice::direct);
    run(ops::WeightUse::last);
    EXPECT_EQ(context.convolutions().preparations(), choice == ConvolutionChoice::direct ? 1u : 2u);
  }
}

// A temporary residual is added to in place and becomes the output; one that somebody holds is left alone.
TEST(ConvolutionCache, ResidualsInPlaceOrCopied) {
  Context context;
  const Inputs in;
  const Values r = reference::random_values(kCase.y_count(), 3);
  const Values expected = reference::convolution(kCase, in.x, in.w, {}, r);
  const Tensor x = make(context, {2, 3, 6, 5}, DType::fp64, in.x),
               w = make(context, {16, 3, 3, 3}, DType::fp64, in.w);
  Tensor residual = make(context, {2, 16, 6, 5}, DType::fp64, r);
  const Tensor copied = ops::convolution(context, x, w, {}, {1, 1}, residual);
  EXPECT_TRUE(reference::within(plain_values(context, copied), expected, 1e-13));
  EXPECT_EQ(plain_values(context, residual), r);
  const void* const address = residual.data();
  const Tensor in_place = ops::convolution(context, x, w, {}, {1, 1}, std::move(residual));
  EXPECT_EQ(in_place.data(), address);
  EXPECT_EQ(plain_values(context, in_place), plain_values(context, copied));
}

TEST(ConvolutionCache, PlansAreSharedByShape) {
  Context context;
  const Inputs in;
  const Tensor x = make(context, {2, 3, 6, 5}, DType::fp32, in.x),
               w = make(context, {16, 3, 3, 3}, DType::fp32, in.w);
  ops::convolution(context, x, w, {}, {1, 1}, {});
  const std::size_t plans = context.convolutions().plan_count();
  ops::convolution(context, x, w, {}, {1, 1}, {});
  EXPECT_EQ(context.convolutions().plan_count(), plans);
  ops::convolution(context, x, w, {}, {2, 1}, {});
  EXPECT_EQ(context.convolutions().plan_count(), plans + 1);
}

// Two views of one storage are two weight tensors.
TEST(ConvolutionCache, ViewsOfOneStorageAreToldApart) {
  Context context;
  const Inputs in;
  const Values both = reference::random_values(2 * kCase.w_count(), 4);
  const Tensor x = make(context, {2, 3, 6, 5}, DType::fp64, in.x);
  const Tensor weights = make(context, {32, 3, 3, 3}, DType::fp64, both);
  for (std::int64_t half : {0, 1}) {
    const auto begin = both.begin() + half * static_cast<std::ptrdiff_t>(kCase.w_count());
    const Values w(begin, begin + static_cast<std::ptrdiff_t>(kCase.w_count()));
    const Tensor y = ops::convolution(context, x, weights.rows(16 * half, 16), {}, {1, 1}, {});
    EXPECT_TRUE(
        reference::within(plain_values(context, y), reference::convolution(kCase, in.x, w, {}, {}), 1e-13));
  }
}

// The gradient of an image is plain whatever the library prefers.
TEST(ConvolutionCache, ImageGradientsComeInTheWantedLayout) {
  Context context;
  for (int channels : {1, 3}) {
    const Convolution c{2, channels, 9, 9, 16, 3, 1, 1};
    const Values w = reference::random_values(c.w_count(), 1), dy = reference::random_values(c.y_count(), 2);
    const Tensor weights = make(context, {16, channels, 3, 3}, DType::fp32, w);
    const Tensor gradient = ops::in_layout(context, make(context, {2, 16, 9, 9}, DType::fp32, dy),
                                           context.feature_layout(16, DType::fp32));
    Values expected = reference::convolution_input_gradient(c, dy, w);
    const Values bound = reference::sum_bound<float>(
        reference::convolution_input_gradient(c, reference::absolute(dy), reference::absolute(w)),
        16 * 9 + 1);
    Tensor dx = context.empty({2, channels, 9, 9}, DType::fp32);
    ops::convolution_backward_data(context, gradient, weights, {1, 1}, dx, WriteMode::overwrite);
    EXPECT_TRUE(reference::within(plain_values(context, dx), expected, bound));
    ops::convolution_backward_data(context, gradient, weights, {1, 1}, dx, WriteMode::accumulate);
    for (double& value : expected) value *= 2;
    Values twice = bound;
    for (double& value : twice) value *= 3;
    EXPECT_TRUE(reference::within(plain_values(context, dx), expected, twice));
  }
}

TEST(ConvolutionCache, Errors) {
  Context context;
  const Inputs in;
  const Tensor x = make(context, {2, 3, 6, 5}, DType::fp64, in.x),
               w = make(context, {16, 3, 3, 3}, DType::fp64, in.w);
  EXPECT_THAT(
      [&] {
        ops::convolution(context, x, x, {}, {1, 1}, {});
      },
      ThrowsMessage<Error>(HasSubstr("conv2d: input [2, 3, 6, 5] does not fit weights [2, 3, 6, 5]")));
  EXPECT_THAT(
      [&] {
        ops::convolution(context, x, w, {}, {1, 1}, x);
      },
      ThrowsMessage<Error>(HasSubstr("residual [2, 3, 6, 5] does not fit output [2, 16, 6, 5]")));
  const Tensor tiny = make(context, {1, 3, 1, 1}, DType::fp64, {1, 2, 3});
  EXPECT_THAT(
      [&] {
        ops::convolution(context, tiny, w, {}, {1, 0}, {});
      },
      ThrowsMessage<Error>(HasSubstr("smaller than the kernel 3")));
  Tensor none;
  Tensor dbias = context.empty({16}, DType::fp64);
  EXPECT_THAT(
      [&] {
        ops::convolution_backward_weights(context, x, x, {1, 1}, none, WriteMode::overwrite, dbias,
                                          WriteMode::overwrite);
      },
      ThrowsMessage<Error>(HasSubstr("bias gradient without a weight gradient")));
  Context winograd({.device = {}, .convolution = ConvolutionChoice::winograd});
  const Tensor wx = make(winograd, {2, 3, 6, 5}, DType::fp64, in.x),
               ww = make(winograd, {16, 3, 3, 3}, DType::fp64, in.w);
  EXPECT_THAT(
      [&] {
        ops::convolution(winograd, wx, ww, {}, {1, 1}, {});
      },
      ThrowsMessage<Error>(HasSubstr("there is no fp64 Winograd convolution")));
  EXPECT_NO_THROW(ops::convolution(winograd, wx, ww, {}, {2, 1}, {}));  // the choice concerns stride 1 only
}

}  // namespace
}  // namespace mebm::engine
