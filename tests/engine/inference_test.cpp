// Steps of an inference program against scalar formulas in fp64; slices, memory, refusals.

#include "engine/ops/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"

namespace mebm::engine::ops {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Any values with both signs.
std::vector<float> values(std::int64_t count, int seed) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = std::sin(static_cast<float>(i) * 0.7f + static_cast<float>(seed));
  return out;
}

Tensor images_of(Context& context, const MapShape& shape, std::int64_t count,
                 const std::vector<float>& from) {
  Tensor images = context.empty({count, shape.channels, shape.height, shape.width}, DType::fp32);
  std::copy(from.begin(), from.end(), images.as<float>());
  return images;
}

// Out of a layout of channel blocks, in the order N,C,H,W.
std::vector<double> plain(const Tensor& tensor) {
  const std::int64_t block = channel_block(tensor.layout()), channels = tensor.extent(1);
  const std::int64_t pixels = tensor.extent(2) * tensor.extent(3);
  std::vector<double> out;
  for (std::int64_t n = 0; n < tensor.extent(0); ++n)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < pixels; ++p)
        out.push_back(
            tensor.as<float>()[((n * channels / block + c / block) * pixels + p) * block + c % block]);
  return out;
}

double at(const std::vector<double>& map, const MapShape& s, std::int64_t c, std::int64_t y, std::int64_t x) {
  return map[static_cast<std::size_t>((c * s.height + y) * s.width + x)];
}

// Calls visit(value, row, column) for the window of output (p, q), skipping what lies outside.
template <typename Visit>
void window(const MapShape& s, std::int64_t p, std::int64_t q, std::int64_t stride, std::int64_t height,
            std::int64_t width, std::int64_t pad_y, std::int64_t pad_x, const Visit& visit) {
  for (std::int64_t r = 0; r < height; ++r)
    for (std::int64_t t = 0; t < width; ++t) {
      const std::int64_t y = p * stride + r - pad_y, x = q * stride + t - pad_x;
      if (y >= 0 && y < s.height && x >= 0 && x < s.width) visit(r * width + t, y, x);
    }
}

std::vector<double> convolved(const std::vector<double>& in, const MapShape& s, const InferenceConvolution& c,
                              const std::vector<float>& w, const std::vector<float>& bias) {
  const MapShape out = output_shape(s, c);
  std::vector<double> result;
  const std::int64_t taps = c.kernel_height * c.kernel_width;
  for (std::int64_t o = 0; o < out.channels; ++o)
    for (std::int64_t p = 0; p < out.height; ++p)
      for (std::int64_t q = 0; q < out.width; ++q) {
        double sum = bias[static_cast<std::size_t>(o)];
        for (std::int64_t i = 0; i < s.channels; ++i)
          window(s, p, q, c.stride, c.kernel_height, c.kernel_width, c.padding_height, c.padding_width,
                 [&](std::int64_t tap, std::int64_t y, std::int64_t x) {
                   sum += w[static_cast<std::size_t>((o * s.channels + i) * taps + tap)] * at(in, s, i, y, x);
                 });
        result.push_back(std::max(sum, 0.0));
      }
  return result;
}

std::vector<double> pooled(const std::vector<double>& in, const MapShape& s, const InferencePool& pool) {
  const MapShape out = output_shape(s, pool);
  std::vector<double> result;
  for (std::int64_t c = 0; c < s.channels; ++c)
    for (std::int64_t p = 0; p < out.height; ++p)
      for (std::int64_t q = 0; q < out.width; ++q) {
        double sum = 0, most = -std::numeric_limits<double>::infinity();
        int inside = 0;
        window(s, p, q, pool.stride, pool.kernel, pool.kernel, pool.padding, pool.padding,
               [&](std::int64_t, std::int64_t y, std::int64_t x) {
                 sum += at(in, s, c, y, x);
                 most = std::max(most, at(in, s, c, y, x));
                 ++inside;
               });
        result.push_back(pool.kind == InferencePoolKind::max ? most : sum / inside);
      }
  return result;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::fabs(got[i] - expected[i]));
  EXPECT_LE(worst, 2e-5);
}

struct Layer {
  InferenceConvolution convolution;
  std::vector<float> weights, bias;

  Layer(const InferenceConvolution& c, std::int64_t in, int seed)
      : convolution(c),
        weights(values(c.out_channels * in * c.kernel_height * c.kernel_width, seed)),
        bias(values(c.out_channels, seed + 1)) {
    for (float& w : weights) w *= 0.2f;
  }
};

TEST(InferenceProgram, ConvolutionsOfAllShapesAreTheFormula) {
  Context context({.threads = 2});
  const MapShape image{3, 11, 9};
  for (const InferenceConvolution& second :
       {InferenceConvolution{16, 1, 7, 1, 0, 3}, InferenceConvolution{16, 7, 1, 1, 3, 0},
        InferenceConvolution{32, 5, 5, 1, 2, 2}, InferenceConvolution{48, 3, 3, 2, 0, 0},
        InferenceConvolution{16, 1, 1, 1, 0, 0}}) {
    const Layer one({32, 3, 3, 1, 1, 1}, 3, 1), two(second, 32, 2);
    InferenceProgram program(context, image);
    const auto middle = program.add_map(output_shape(image, one.convolution));
    const auto last = program.add_map(output_shape(program.shape(middle), second));
    program.convolution(program.input(), one.convolution, one.weights, one.bias, middle);
    program.convolution(middle, second, two.weights, two.bias, last);
    const std::vector<float> in = values(3 * 3 * 11 * 9, 3);
    const std::vector<double> got = plain(program.run(images_of(context, image, 3, in)));
    std::vector<double> expected;
    for (std::ptrdiff_t n = 0; n < 3; ++n) {
      const auto begin = in.begin() + n * 297;
      const std::vector<double> x(begin, begin + 297);
      const std::vector<double> y =
          convolved(convolved(x, image, one.convolution, one.weights, one.bias),
                    output_shape(image, one.convolution), second, two.weights, two.bias);
      expected.insert(expected.end(), y.begin(), y.end());
    }
    expect_near(got, expected);
  }
}

TEST(InferenceProgram, PoolsAndConvolutionsFillSlicesOfOneMap) {
  Context context({.threads = 1});
  const MapShape image{3, 8, 10};
  const Layer first({16, 1, 1, 1, 0, 0}, 3, 4), narrow({32, 3, 3, 1, 1, 1}, 16, 5);
  const InferencePool mean{InferencePoolKind::mean, 3, 1, 1}, most{InferencePoolKind::max, 3, 1, 1};
  InferenceProgram program(context, image);
  const auto stem = program.add_map({16, 8, 10}), joined = program.add_map({64, 8, 10});
  program.convolution(program.input(), first.convolution, first.weights, first.bias, stem);
  program.pool(stem, mean, joined, 0);
  program.convolution(stem, narrow.convolution, narrow.weights, narrow.bias, joined, 16);
  program.pool(stem, most, joined, 48);
  const std::vector<float> in = values(3 * 80, 6);
  const std::vector<double> got = plain(program.run(images_of(context, image, 1, in)));
  const std::vector<double> x =
      convolved({in.begin(), in.end()}, image, first.convolution, first.weights, first.bias);
  std::vector<double> expected = pooled(x, {16, 8, 10}, mean);
  for (const std::vector<double>& part :
       {convolved(x, {16, 8, 10}, narrow.convolution, narrow.weights, narrow.bias),
        pooled(x, {16, 8, 10}, most)})
    expected.insert(expected.end(), part.begin(), part.end());
  expect_near(got, expected);
}

TEST(InferenceProgram, MapsShareMemoryOnceTheyAreRead) {
  Context context;
  const MapShape image{16, 32, 32};
  const Layer layer({16, 1, 1, 1, 0, 0}, 16, 7);
  InferenceProgram program(context, image);
  auto map = program.input();
  for (int i = 0; i < 8; ++i) {
    const auto next = program.add_map(image);
    program.convolution(map, layer.convolution, layer.weights, layer.bias, next);
    map = next;
  }
  EXPECT_LT(program.workspace_floats(), 3 * 16 * 32 * 32);  // two maps at a time, and scratch
}

TEST(InferenceProgram, RefusesWhatDoesNotFit) {
  Context context;
  const MapShape image{3, 8, 8};
  const Layer layer({16, 3, 3, 1, 1, 1}, 3, 8);
  InferenceProgram program(context, image);
  const auto out = program.add_map({32, 8, 8}), small = program.add_map({16, 4, 4});
  EXPECT_THAT([&] { program.convolution(0, layer.convolution, layer.bias, layer.bias, out); },
              ThrowsMessage<Error>(HasSubstr("[3, 8, 8] needs 432 weights and 16 biases, got 16 and 16")));
  EXPECT_THAT([&] { program.convolution(0, layer.convolution, layer.weights, layer.bias, small); },
              ThrowsMessage<Error>(HasSubstr("[16, 8, 8] cannot be written to channel 0 of [16, 4, 4]")));
  EXPECT_THAT([&] { program.convolution(0, layer.convolution, layer.weights, layer.bias, out, 24); },
              ThrowsMessage<Error>(HasSubstr("[16, 8, 8] cannot be written to channel 24 of [32, 8, 8]")));
  EXPECT_THAT(
      [&] {
        program.add_map({0, 1, 1});
      },
      ThrowsMessage<Error>(HasSubstr("a map of shape [0, 1, 1]")));
  program.convolution(0, layer.convolution, layer.weights, layer.bias, out, 16);
  EXPECT_THAT(
      [&] {
        program.run(context.empty({2, 3, 8, 9}, DType::fp32));
      },
      ThrowsMessage<Error>(HasSubstr("images [2, 3, 8, 9] fp32 do not fit an input of [3, 8, 8]")));
}

}  // namespace
}  // namespace mebm::engine::ops
