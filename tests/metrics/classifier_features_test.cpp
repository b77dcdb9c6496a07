// A classifier as feature extractor, against the network asked directly.
#include "metrics/classifier_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "ebm/checkpoint.h"
#include "ebm/classifier_checkpoint.h"
#include "engine/core/error.h"
#include "engine/io/sha256.h"
#include "engine/ops/elementwise.h"

namespace mebm::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int kSide = 8;
constexpr std::int64_t kImageSize = 3 * kSide * kSide;

class ClassifierFeaturesTest : public ::testing::Test {
 protected:
  ClassifierFeaturesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mebm-features-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    config_.depth = 10;
    config_.width = 1;
    config_.num_classes = 4;
    config_.image_size = kSide;
  }
  ~ClassifierFeaturesTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::filesystem::path write(models::WideResNet& network) {
    ebm::CheckpointContents contents;
    contents.model = &network;
    ebm::write_checkpoint(directory_ / "c.h5", contents);
    return directory_ / "c.h5";
  }

  std::vector<std::uint8_t> make_bytes(std::int64_t count) const {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * kImageSize));
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 24);
    return bytes;
  }

  std::filesystem::path directory_;
  models::WideResNetConfig config_;
  engine::Context context_;
  autograd::Tape tape_{context_};
};

TEST_F(ClassifierFeaturesTest, GivesWhatTheNetworkGivesForScaledBytes) {
  models::WideResNet network(context_, config_, engine::DType::fp32, 3);
  const auto extractor = ebm::read_classifier(write(network), engine::Device{}, 1);
  EXPECT_EQ(extractor->dimensions(), 64);
  EXPECT_EQ(extractor->classes(), 4);
  constexpr std::int64_t kCount = 130;  // more than a batch of the extractor
  const std::vector<std::uint8_t> bytes = make_bytes(kCount);
  const Features features = extractor->extract({bytes, kCount, 3, kSide, kSide});
  ASSERT_EQ(features.count, kCount);
  ASSERT_EQ(features.features.size(), 64u * kCount);
  ASSERT_EQ(features.logits.size(), 4u * kCount);

  std::vector<double> scaled;
  for (const std::uint8_t v : bytes) scaled.push_back(v / 127.5 - 1);
  engine::Tensor images = context_.empty({kCount, 3, kSide, kSide}, engine::DType::fp32);
  engine::ops::write(scaled, images);
  tape_.set_recording(false);
  const auto wanted =
      network.features(tape_, autograd::Variable{images}, models::Pass::single(kCount, false));
  const std::vector<float> logits = engine::ops::values<float>(network.logits(tape_, wanted).value);
  const std::vector<float> values = engine::ops::values<float>(wanted.value);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(features.features[i], values[i], 1e-5) << i;
  for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(features.logits[i], logits[i], 1e-5) << i;
}

TEST_F(ClassifierFeaturesTest, BatchesDoNotMatter) {
  models::WideResNet network(context_, config_, engine::DType::fp32, 3);
  const auto extractor = ebm::read_classifier(write(network), engine::Device{}, 1);
  const std::vector<std::uint8_t> bytes = make_bytes(5);
  const BytesView view{bytes, 5, 3, kSide, kSide};
  const Features all = extractor->extract(view), last = extractor->extract(view.part(4, 1));
  for (std::size_t i = 0; i < 64; ++i) EXPECT_NEAR(all.features[4 * 64 + i], last.features[i], 1e-6);
}

TEST_F(ClassifierFeaturesTest, NamesItsFile) {
  models::WideResNet network(context_, config_, engine::DType::fp32, 3);
  const std::filesystem::path path = write(network);
  const auto extractor = ebm::read_classifier(path, engine::Device{}, 1);
  std::ifstream in(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(extractor->digest(), engine::to_hex(engine::sha256(std::as_bytes(std::span(file)))));
  EXPECT_THAT(extractor->name(), HasSubstr(path.string()));
  EXPECT_THAT(extractor->name(), HasSubstr("WRN-10-1, 64 penultimate features"));
}

TEST_F(ClassifierFeaturesTest, RefusesOtherImagesAndOtherNetworks) {
  models::WideResNet network(context_, config_, engine::DType::fp32, 3);
  const auto extractor = ebm::read_classifier(write(network), engine::Device{}, 1);
  const std::vector<std::uint8_t> bytes(3 * 32 * 32);
  EXPECT_THAT(
      [&] {
        extractor->extract({bytes, 1, 3, 32, 32});
      },
      ThrowsMessage<engine::InputError>(HasSubstr("images are 3x32x32")));
  config_.num_classes = 0;
  models::WideResNet headless(context_, config_, engine::DType::fp32, 3);
  const std::filesystem::path path = write(headless);
  EXPECT_THAT([&] { ebm::read_classifier(path, engine::Device{}, 1); },
              ThrowsMessage<engine::InputError>(HasSubstr("has 0 classes")));
}

TEST_F(ClassifierFeaturesTest, RefusesFeaturesThatAreNotFinite) {
  models::WideResNet network(context_, config_, engine::DType::fp32, 3);
  const auto extractor = ebm::read_classifier(write(network), engine::Device{}, 1);
  for (const models::NamedBuffer& buffer : extractor->network().buffers())
    if (buffer.name == "f.bn1.running_mean") {
      std::vector<double> values(static_cast<std::size_t>(buffer.tensor->elements()));
      values[5] = std::numeric_limits<double>::quiet_NaN();
      engine::ops::write(values, *buffer.tensor);
      buffer.tensor->bump_version();
    }
  const std::vector<std::uint8_t> bytes = make_bytes(1);
  EXPECT_THAT(
      [&] {
        extractor->extract({bytes, 1, 3, kSide, kSide});
      },
      ThrowsMessage<engine::InputError>(HasSubstr("feature 5 of image 0 is nan")));
}

}  // namespace
}  // namespace mebm::metrics
