// FD-ref of p0: fitted to the official training images, against the constants the program carries.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "data/datasets.h"
#include "data/streams.h"
#include "ebm/classifier_checkpoint.h"
#include "ebm/initial_distribution.h"
#include "engine/ops/elementwise.h"
#include "metrics/distribution_distance.h"
#include "metrics/reference_networks.h"

namespace mebm::metrics {
namespace {

// Draws are in fp32 on the processor's own products, so a byte here and there is rounded the other way.
constexpr double kTolerance = 2e-3;  // relative

std::filesystem::path data_folder(const std::string& name) {
  const char* root = std::getenv("MEBM_DATA");
  return root == nullptr ? "" : std::filesystem::path(root) / name;
}

// FD-ref of kInitialDraws draws of p0, as metrics/reference_networks.h describes.
double initial_distance(const std::string& set, const std::filesystem::path& path) {
  const data::ImageSet images = data::load_dataset(set, path, data::Split::train);
  engine::ContextOptions options;
  options.threads = 2;
  engine::Context context(options);
  const ebm::GaussianInitialDistribution initial(
      context, ebm::fit_gaussian(context, images, data::ascending(images.count()), 1e-4),
      engine::DType::fp32);
  ebm::ReferenceClassifier reference = ebm::reference_classifier(set, engine::Device{}, 2);
  StatisticsAccumulator accumulator(reference.extractor->dimensions());
  constexpr std::int64_t kPiece = 500;
  for (std::int64_t first = 0; first < kInitialDraws; first += kPiece) {
    std::vector<std::uint32_t> slots(kPiece);
    std::iota(slots.begin(), slots.end(), static_cast<std::uint32_t>(first));
    engine::Tensor draws =
        context.empty({kPiece, images.channels, images.height, images.width}, engine::DType::fp32);
    initial.draw({engine::PhiloxKey(1), engine::RandomPurpose::sample_fill, 0}, slots, true, draws);
    std::vector<std::uint8_t> bytes;
    for (const float x : engine::ops::values<float>(draws))
      bytes.push_back(static_cast<std::uint8_t>(std::lround((static_cast<double>(x) + 1) * 127.5)));
    accumulator.add(
        reference.extractor->extract({bytes, kPiece, images.channels, images.height, images.width}));
  }
  return frechet_distance(accumulator.finish(), reference.training);
}

void expect_constant(const std::string& set, const std::filesystem::path& path) {
  const double found = initial_distance(set, path), constant = find_reference_network(set)->initial_distance;
  EXPECT_NEAR(found, constant, kTolerance * constant) << fmt::format("{:.6f}", found);
}

TEST(InitialDistance, OfCifar10) {
  const std::filesystem::path path = data_folder("cifar-10-batches-bin");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "MEBM_DATA has no CIFAR-10";
  expect_constant("cifar10", path);
}

TEST(InitialDistance, OfFashionMnist) {
  std::filesystem::path path = data_folder("fashion-mnist");
  if (!std::filesystem::exists(path)) path = "/usr/share/datasets/fashion-mnist";  // Debian's package
  if (std::getenv("MEBM_DATA") == nullptr || !std::filesystem::exists(path))
    GTEST_SKIP() << "MEBM_DATA has no Fashion-MNIST, and Debian's dataset-fashion-mnist is not installed";
  expect_constant("fashion-mnist", path);
}

}  // namespace
}  // namespace mebm::metrics
