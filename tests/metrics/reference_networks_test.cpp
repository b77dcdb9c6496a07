// The networks the program carries: whole, named by their digest, and usable.
#include "metrics/reference_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ebm/classifier_checkpoint.h"
#include "engine/core/error.h"
#include "engine/io/sha256.h"

namespace mebm::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(ReferenceNetworks, AreTheFilesTheirDigestsName) {
  ASSERT_EQ(reference_networks().size(), 2u);
  constexpr std::size_t kMostBytes = 2'000'000;
  for (const ReferenceNetwork& network : reference_networks()) {
    EXPECT_EQ(network.digest, engine::to_hex(engine::sha256(network.checkpoint))) << network.set;
    EXPECT_LE(network.checkpoint.size(), kMostBytes) << network.set;
    EXPECT_EQ(find_reference_network(network.set), &network);
  }
  EXPECT_EQ(find_reference_network("svhn"), nullptr);
  EXPECT_EQ(known_reference_networks(), "cifar10, fashion-mnist");
}

TEST(ReferenceNetworks, GiveFiniteFeaturesOfTheSetsImages) {
  for (const ReferenceNetwork& network : reference_networks()) {
    ebm::ReferenceClassifier reference = ebm::reference_classifier(network.set, engine::Device{}, 1);
    const int channels = network.set == "cifar10" ? 3 : 1;
    const std::vector<std::uint8_t> grey(static_cast<std::size_t>(channels) * 32 * 32, 128);
    const Features features = reference.extractor->extract({grey, 1, channels, 32, 32});
    EXPECT_EQ(features.dimensions, 128);
    EXPECT_EQ(features.classes, 10);
    EXPECT_EQ(reference.extractor->digest(), network.digest);
    EXPECT_THAT(reference.extractor->name(), HasSubstr("reference network " + std::string(network.set)));
  }
}

TEST(ReferenceNetworks, CarryTheStatisticsOfTheTrainingImages) {
  for (const ReferenceNetwork& network : reference_networks()) {
    const ebm::ReferenceClassifier reference = ebm::reference_classifier(network.set, engine::Device{}, 1);
    const FeatureStatistics& training = reference.training;
    EXPECT_EQ(training.count, network.set == "cifar10" ? 50000 : 60000);
    ASSERT_EQ(training.dimensions(), 128);
    for (std::size_t i = 0; i < 128; ++i)
      for (std::size_t j = 0; j < 128; ++j) {
        const double value = training.covariance[128 * i + j];
        EXPECT_NEAR(value, training.covariance[128 * j + i], 1e-15);
        EXPECT_LE(value * value, training.covariance[129 * i] * training.covariance[129 * j] * (1 + 1e-12));
      }
    EXPECT_THAT(training.protocol, HasSubstr(std::string(network.digest)));
  }
}

TEST(ReferenceNetworks, RefuseOtherSets) {
  EXPECT_THAT([] { ebm::reference_classifier("svhn", engine::Device{}, 1); },
              ThrowsMessage<engine::InputError>(
                  HasSubstr("no reference network for 'svhn'; known: cifar10, fashion-mnist")));
}

}  // namespace
}  // namespace mebm::metrics
