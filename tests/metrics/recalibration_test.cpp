// Running statistics made anew: the mean of the batches' statistics, layer by layer.
#include "metrics/recalibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops/elementwise.h"

namespace mebm::metrics {
namespace {

using engine::DType;

class RecalibrationTest : public ::testing::Test {
 protected:
  RecalibrationTest() {
    models::WideResNetConfig config;
    config.depth = 10;
    config.width = 1;
    config.num_classes = 2;
    config.image_size = 8;
    network_ = std::make_unique<models::WideResNet>(context_, config, DType::fp64, 5);
    images_.name = "images";
    images_.channels = 3;
    images_.height = images_.width = 8;
    for (std::size_t i = 0; i < 9 * 192; ++i)
      images_.pixels.push_back(static_cast<std::uint8_t>((i * 2654435761u) >> 24));
  }

  std::vector<double> values(const std::string& name) {
    for (const models::NamedBuffer& buffer : network_->buffers())
      if (buffer.name == name) {
        std::vector<double> out(static_cast<std::size_t>(buffer.tensor->elements()));
        engine::ops::read(*buffer.tensor, out);
        return out;
      }
    return {};
  }

  engine::Context context_;
  autograd::Tape tape_{context_};
  std::unique_ptr<models::WideResNet> network_;
  data::ImageSet images_;
};

// The last layer's running statistics after one folded batch are 0.1 old + 0.9 new; two batches one after
// the other, each folded into zeros, tell what their mean must be.
TEST_F(RecalibrationTest, IsTheMeanOfWholeBatches) {
  const std::vector<std::int64_t> order{0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<double> wanted_mean(64), wanted_variance(64);
  for (int b = 0; b < 2; ++b) {
    const KeepStatistics keep(*network_);
    const std::vector<double> mean_before = values("f.bn1.running_mean"),
                              variance_before = values("f.bn1.running_var");
    tape_.set_recording(false);
    network_->reserve_statistics(1);
    const auto batch = std::span(order).subspan(static_cast<std::size_t>(4 * b), 4);
    network_->features(tape_, autograd::Variable{data::load_images(context_, images_, batch, DType::fp64)},
                       models::Pass::single(4, true, 0));
    network_->fold_statistics(1);
    for (std::size_t c = 0; c < 64; ++c) {
      wanted_mean[c] += (values("f.bn1.running_mean")[c] - 0.1 * mean_before[c]) / 0.9 / 2;
      wanted_variance[c] += (values("f.bn1.running_var")[c] - 0.1 * variance_before[c]) / 0.9 / 2;
    }
  }
  recalibrate(tape_, *network_, images_, order, 4);
  for (std::size_t c = 0; c < 64; ++c) {
    EXPECT_NEAR(values("f.bn1.running_mean")[c], wanted_mean[c], 1e-12);
    EXPECT_NEAR(values("f.bn1.running_var")[c], wanted_variance[c], 1e-12);
  }
}

TEST_F(RecalibrationTest, KeepStatisticsPutsThemBack) {
  const std::vector<double> before = values("f.bn1.running_var");
  {
    const KeepStatistics keep(*network_);
    const std::vector<std::int64_t> order{0, 1, 2, 3};
    recalibrate(tape_, *network_, images_, order, 4);
    EXPECT_NE(values("f.bn1.running_var"), before);
  }
  EXPECT_EQ(values("f.bn1.running_var"), before);
}

TEST_F(RecalibrationTest, NeedsAWholeBatch) {
  const std::vector<std::int64_t> order{0, 1, 2};
  EXPECT_THROW(recalibrate(tape_, *network_, images_, order, 4), std::exception);
}

}  // namespace
}  // namespace mebm::metrics
