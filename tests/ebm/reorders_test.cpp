// What oneDNN reorders in a training iteration, by its own account (DNNL_VERBOSE): the weights of a direct
// convolution once per optimiser step and direction, their gradient once, and no feature map.

#include <dnnl.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ebm/trainer.h"
#include "engine/ops/convolution.h"

namespace mebm::ebm {
namespace {

using engine::ConvolutionChoice;

constexpr int kSize = 16, kImages = 16, kIterations = 2;

struct Case {
  std::string name;
  ConvolutionChoice convolution;
  int depth, width;
  int steps = 3, labelled = 4;
};

struct Layer {
  int in, out, kernel, stride, size;  // size: of the input
  std::string dimensions() const { return fmt::format("{}x{}x{}x{}", out, in, kernel, kernel); }
};

// The convolutions of a Wide-ResNet, written down from its definition.
std::vector<Layer> layers_of(int depth, int width) {
  std::vector<Layer> layers{{3, 16, 3, 1, kSize}};
  int channels = 16, size = kSize;
  for (int stage = 0; stage < 3; ++stage)
    for (int block = 0; block < (depth - 4) / 6; ++block) {
      const int out = 16 * width << stage, stride = stage > 0 && block == 0 ? 2 : 1;
      layers.push_back({channels, out, 3, 1, size});
      layers.push_back({out, out, 3, stride, size});
      if (channels != out || stride != 1) layers.push_back({channels, out, 1, stride, size});
      channels = out;
      size /= stride;
    }
  return layers;
}

bool is_direct(const Layer& layer, ConvolutionChoice choice) {
  return layer.kernel != 3 || layer.stride != 1 ||
         !engine::ops::convolution_uses_winograd(choice, layer.in, layer.out, layer.size);
}

// "64x32x3x3" of "dnnl_verbose,exec,cpu,reorder,jit:uni,undef,src_f32::blocked:abcd:f0
// dst_f32::blocked:ABcd8a8b:f0,,,64x32x3x3,0.0139": the fields before the time.
std::map<std::string, int> reordered(const std::string& verbose) {
  std::map<std::string, int> times;
  std::istringstream lines(verbose);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(",exec,") == std::string::npos || line.find(",reorder,") == std::string::npos) continue;
    const std::size_t end = line.rfind(',');
    const std::size_t begin = line.rfind(',', end - 1) + 1;
    ++times[line.substr(begin, end - begin)];
  }
  return times;
}

class Reorders : public ::testing::TestWithParam<Case> {
 protected:
  Reorders() : context_({.threads = 2, .convolution = GetParam().convolution}) {
    images_.name = "noughts";
    images_.channels = 3;
    images_.height = images_.width = images_.original_height = images_.original_width = kSize;
    images_.num_classes = 4;
    images_.values.assign(static_cast<std::size_t>(kImages * images_.image_size()), 0.25f);
    for (int i = 0; i < kImages; ++i) images_.labels.push_back(i % 4);
    Config config;
    config.model.depth = GetParam().depth;
    config.model.width = GetParam().width;
    config.model.num_classes = 4;
    config.data.set = "images";
    config.data.batch_size = 4;
    config.data.labelled_batch_size = GetParam().labelled;
    config.sampler.steps = GetParam().steps;
    config.buffer.size = 8;
    config.objective.classifier_weight = GetParam().labelled > 0 ? 1 : 0;
    config.optimizer.learning_rate = 1e-4;
    std::vector<std::int64_t> indices(kImages);
    std::iota(indices.begin(), indices.end(), 0);
    trainer_ = std::make_unique<Trainer>(
        context_, config, images_, indices,
        std::make_shared<UniformInitialDistribution>(context_, ImageShape{3, kSize, kSize}));
    trainer_->start_fresh();
    trainer_->step();  // makes plans
  }
  ~Reorders() override { dnnl_set_verbose(0); }

  // What oneDNN prints in so many iterations.
  std::string verbose(int iterations) {
    std::fflush(stdout);
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(dnnl_set_verbose(1), dnnl_success);
    for (int i = 0; i < iterations; ++i) trainer_->step();
    dnnl_set_verbose(0);
    std::fflush(stdout);
    return ::testing::internal::GetCapturedStdout();
  }

  engine::Context context_;
  data::ImageSet images_;
  std::unique_ptr<Trainer> trainer_;
};

TEST_P(Reorders, WeightsOncePerStepAndNoFeatureMap) {
  constexpr int kForwardDataAndGradient = 3;
  std::map<std::string, int> expected;
  for (const Layer& layer : layers_of(GetParam().depth, GetParam().width))
    if (is_direct(layer, GetParam().convolution))
      expected[layer.dimensions()] += kForwardDataAndGradient * kIterations;
  const std::string output = verbose(kIterations);
  ASSERT_NE(output.find(",exec,cpu,convolution,"), std::string::npos) << "nothing was reported:\n" << output;
  EXPECT_EQ(reordered(output), expected);
}

INSTANTIATE_TEST_SUITE_P(Trainer, Reorders,
                         ::testing::Values(Case{"SmallAuto", ConvolutionChoice::automatic, 10, 1},
                                           Case{"SmallDirect", ConvolutionChoice::direct, 10, 1},
                                           Case{"WideDirect", ConvolutionChoice::direct, 10, 4},
                                           Case{"DeepAuto", ConvolutionChoice::automatic, 16, 2},
                                           Case{"EnergyDirect", ConvolutionChoice::direct, 16, 1, 5, 0}),
                         [](const ::testing::TestParamInfo<Case>& instance) { return instance.param.name; });

}  // namespace
}  // namespace mebm::ebm
