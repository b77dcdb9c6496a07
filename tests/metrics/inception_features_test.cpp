// Features and logits with formula weights against two published PyTorch implementations
// (tests/golden/inception.py), on CIFAR-10's images and on formula images of other sizes and channels.

#include "metrics/inception_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "engine/core/error.h"
#include "engine/io/hdf5.h"
#include "tests/metrics/formula_inception.h"

namespace mebm::metrics {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr const char* kGolden = MEBM_SOURCE_DIR "/tests/golden/inception.h5";

// max|a - b| / max|b|
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return HUGE_VAL;
    worst = std::max(worst, std::fabs(double{a[i]} - double{b[i]}));
    largest = std::max(largest, std::fabs(double{b[i]}));
  }
  return worst / largest;
}

class InceptionFeaturesTest : public ::testing::Test {
 protected:
  // Folding 24 million weights takes a moment: one network a protocol would be thrice that.
  static void SetUpTestSuite() {
    parameters_ = std::make_unique<std::vector<std::pair<std::string, std::vector<float>>>>();
    for (const models::NamedShape& p : models::InceptionV3::parameters())
      parameters_->emplace_back(p.name, formula_parameter(p));
  }
  static void TearDownTestSuite() { parameters_.reset(); }

  static std::vector<float> parameter(const models::NamedShape& wanted) {
    for (const auto& [name, values] : *parameters_)
      if (name == wanted.name) return values;
    return {};
  }

  InceptionFeatures extractor(const InceptionOptions& options) {
    return {context_, parameter, "formula weights", "abc", false, options};
  }

  void expect_golden(const std::string& name, InceptionProtocol protocol, const OwnedImages& images) {
    const engine::Hdf5Reader golden(kGolden);
    const std::string group = "/" + name + "/" + std::string(name_of(protocol));
    const Features got = extractor({.protocol = protocol, .batch_size = 2}).extract(images.view());
    EXPECT_EQ(got.count, images.count);
    EXPECT_LE(difference(got.features, golden.read<float>(group + "/features", {images.count, 2048})), 1e-4);
    EXPECT_LE(difference(got.logits, golden.read<float>(group + "/logits", {images.count, 1008})), 1e-4);
  }

  engine::Context context_{{.threads = 2}};

 private:
  static inline std::unique_ptr<std::vector<std::pair<std::string, std::vector<float>>>> parameters_;
};

class OnCifar : public InceptionFeaturesTest, public ::testing::WithParamInterface<InceptionProtocol> {};

TEST_P(OnCifar, FeaturesAndLogitsArePyTorchs) {
  const char* data = std::getenv("MEBM_DATA");
  std::ifstream file(std::string(data != nullptr ? data : "") + "/cifar-10-batches-bin/test_batch.bin",
                     std::ios::binary);
  if (!file) GTEST_SKIP() << "MEBM_DATA has no cifar-10-batches-bin/test_batch.bin";
  OwnedImages images{{}, 3, 3, 32, 32};
  for (int n = 0; n < images.count; ++n) {
    std::vector<char> record(1 + 3072);
    file.read(record.data(), std::ssize(record));
    images.pixels.insert(images.pixels.end(), record.begin() + 1, record.end());
  }
  expect_golden("cifar", GetParam(), images);
}

INSTANTIATE_TEST_SUITE_P(Protocols, OnCifar,
                         ::testing::Values(InceptionProtocol::torch_fidelity, InceptionProtocol::pytorch_fid,
                                           InceptionProtocol::clean));

TEST_F(InceptionFeaturesTest, OblongColourImages) {
  expect_golden("colour", InceptionProtocol::torch_fidelity, formula_images("colour", 1, 3, 40, 48));
}

TEST_F(InceptionFeaturesTest, GreyImagesAreRepeatedInEveryChannel) {
  expect_golden("grey", InceptionProtocol::torch_fidelity, formula_images("grey", 1, 1, 28, 28));
}

TEST_F(InceptionFeaturesTest, LargeImagesShrink) {
  expect_golden("large", InceptionProtocol::clean, formula_images("large", 1, 3, 420, 333));
}

TEST_F(InceptionFeaturesTest, NeitherBatchNorThreadsChangeABitAndTheBatchBoundsMemory) {
  const OwnedImages images = formula_images("colour", 3, 3, 16, 16);
  const Features together = extractor({.batch_size = 3}).extract(images.view());
  engine::Context one_thread{{.threads = 1}};
  InceptionFeatures single(one_thread, parameter, "formula weights", "abc", false, {.batch_size = 1});
  single.extract(images.view().part(0, 1));
  const std::size_t of_one_image = one_thread.arena().peak_bytes();
  const Features apart = single.extract(images.view());
  EXPECT_EQ(one_thread.arena().peak_bytes(), of_one_image);  // bounded by the batch
  EXPECT_EQ(together.features, apart.features);
  EXPECT_EQ(together.logits, apart.logits);
}

TEST_F(InceptionFeaturesTest, SaysWhatItIs) {
  const InceptionFeatures made = extractor({.protocol = InceptionProtocol::clean});
  EXPECT_EQ(
      made.name(),
      "InceptionV3 of 2015 (formula weights), protocol clean: antialiased bicubic to 299x299, clipped to "
      "0...255, (v-128)/128");
  EXPECT_EQ(made.digest(), "abc");
  EXPECT_EQ(made.dimensions(), 2048);
  EXPECT_EQ(made.classes(), 1008);
}

TEST_F(InceptionFeaturesTest, RefusesWhatItCannotTake) {
  InceptionFeatures made = extractor({});
  EXPECT_THAT([&] { made.extract(formula_images("x", 1, 2, 8, 8).view()); },
              ThrowsMessage<engine::InputError>(HasSubstr("images of 2 channels")));
  EXPECT_THAT(
      [&] {
        made.extract({{}, 0, 3, 0, 8});
      },
      ThrowsMessage<engine::InputError>(HasSubstr("a side of 0 pixels")));
  EXPECT_THAT([&] { extractor({.batch_size = 0}); },
              ThrowsMessage<engine::InputError>(HasSubstr("a batch of 0 images")));
}

TEST_F(InceptionFeaturesTest, ANegativeVarianceIsNamed) {
  const auto negative = [](const models::NamedShape& wanted) {
    std::vector<float> values = parameter(wanted);
    if (wanted.name == "Conv2d_1a_3x3.bn.running_var") values[3] = -1;
    return values;
  };
  EXPECT_THAT([&] { models::InceptionV3(context_, negative); },
              ThrowsMessage<engine::InputError>(HasSubstr("Conv2d_1a_3x3.bn.running_var[3] is -1")));
}

}  // namespace
}  // namespace mebm::metrics
