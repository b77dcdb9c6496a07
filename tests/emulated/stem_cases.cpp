#include "tests/emulated/stem_cases.h"

namespace mebm::test {

Convolution shape_of(int images, int in, int height, int width, int out) {
  return {.images = images, .in_channels = in, .in_height = height, .in_width = width, .out_channels = out};
}

const std::vector<Convolution>& shapes() {
  static const std::vector<Convolution> list{shape_of(1, 1, 1, 1, 8),   shape_of(2, 3, 5, 7, 16),
                                             shape_of(3, 2, 4, 8, 24),  shape_of(1, 4, 9, 31, 64),
                                             shape_of(2, 1, 3, 33, 32), shape_of(2, 3, 32, 32, 16),
                                             shape_of(1, 3, 2, 257, 16)};
  return list;
}

stem::Params params_of(const Convolution& c) {
  return {c.images, c.in_channels, c.in_height, c.in_width, c.out_channels};
}

std::string text_of(const Convolution& c) {
  return std::to_string(c.images) + " x " + std::to_string(c.in_channels) + " x " +
         std::to_string(c.in_height) + " x " + std::to_string(c.in_width) + " -> " +
         std::to_string(c.out_channels);
}

Values cpu_convolution(const Convolution& c, conv2d::Direction direction, conv2d::Buffers buffers,
                       const Values& w, std::size_t outputs, void* conv2d::Buffers::*output) {
  const conv2d::Params params{.images = c.images,
                              .in_channels = c.in_channels,
                              .in_height = c.in_height,
                              .in_width = c.in_width,
                              .out_channels = c.out_channels,
                              .out_height = c.in_height,
                              .out_width = c.in_width};
  const auto plan = conv2d::make_gemm_plan({}, params, direction).plan;
  std::vector<std::byte> workspace(plan->workspace_bytes() + 64);
  Values prepared(w.size()), out(outputs);
  plan->prepare_weights(w.data(), prepared.data());
  buffers.weights = prepared.data();
  buffers.workspace = workspace.data();
  buffers.*output = out.data();
  EXPECT_EQ(plan->execute(buffers), "");
  return out;
}

}  // namespace mebm::test
