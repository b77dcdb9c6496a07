// fit-init: mean and factor against the definition; the file is a start for sample.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

class FitInitTest : public CliTest {};

TEST_F(FitInitTest, WritesMeanAndFactorOfTheImages) {
  constexpr std::size_t kCount = 30, kSize = kPixels;
  const std::string images = write_images("x.h5", kCount);
  const RunResult result = expect_success(
      {"fit-init", "--data", images, "--out", at("init.h5"), "--jitter", "0.01", "--json", "--threads", "1"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("dimension"), kPixels);
  EXPECT_EQ(json.at("count"), kCount);
  EXPECT_GT(json.at("share_at_bound").get<double>(), 0);
  EXPECT_LT(json.at("share_at_bound").get<double>(), 1);

  const std::vector<float> x = make_images(kCount);
  const std::vector<double> mean = read("init.h5", "/initial_distribution/mean");
  const std::vector<double> factor = read("init.h5", "/initial_distribution/factor");
  ASSERT_EQ(mean.size(), kSize);
  ASSERT_EQ(factor.size(), kSize * kSize);
  EXPECT_EQ(entry("init.h5", "/initial_distribution/mean").shape, (engine::Hdf5Shape{3, kSide, kSide}));
  std::vector<double> expected(kSize, 0);
  for (std::size_t n = 0; n < kCount; ++n)
    for (std::size_t i = 0; i < kSize; ++i) expected[i] += x[n * kSize + i] / static_cast<double>(kCount);
  for (std::size_t i = 0; i < kSize; ++i) ASSERT_NEAR(mean[i], expected[i], 1e-12);
  for (std::size_t i = 0; i < kSize; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double covariance = i == j ? 0.01 : 0, product = 0;
      for (std::size_t n = 0; n < kCount; ++n)
        covariance +=
            (x[n * kSize + i] - expected[i]) * (x[n * kSize + j] - expected[j]) / static_cast<double>(kCount);
      for (std::size_t k = 0; k <= j; ++k) product += factor[i * kSize + k] * factor[j * kSize + k];
      ASSERT_NEAR(product, covariance, 1e-10) << i << ", " << j;
    }
}

TEST_F(FitInitTest, SampleStartsFromTheFile) {
  const std::string images = write_images("x.h5", 30), model = write_model("m.h5");
  expect_success({"fit-init", "--data", images, "--out", at("init.h5"), "--threads", "1"});
  const std::vector<std::string> common{"sample",      "--checkpoint", model,       "--initial-distribution",
                                        at("init.h5"), "--threads",    "1",         "--count",
                                        "3",           "--steps",      "0",         "--precision",
                                        "fp64",        "--out",        at("out.h5")};
  expect_success(common);
  const auto initial = ebm::read_initial_distribution(at("init.h5"), context_, engine::DType::fp64, {});
  engine::Tensor draws = context_.empty({3, 3, kSide, kSide}, engine::DType::fp64);
  initial->draw({engine::PhiloxKey(1), engine::RandomPurpose::sample_fill, 0},
                std::vector<std::uint32_t>{0, 1, 2}, true, draws);
  const std::vector<double> found = read("out.h5", "/images");
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], draws.as<double>()[i], 1e-12);
}

TEST_F(FitInitTest, RefusesBadInput) {
  const std::string images = write_images("x.h5", 3);
  expect_bad_input({"fit-init", "--data", at("absent"), "--out", at("out.h5")}, "does not exist");
  expect_bad_input({"fit-init", "--data", directory_.string(), "--out", at("out.h5")},
                   "holds no files of the sets");
  expect_bad_input({"fit-init", "--data", images, "--out", at("no/out.h5")}, "does not exist; create it");
  expect_bad_input({"fit-init", "--data", images, "--out", at("out.h5"), "--jitter", "-1"}, "--jitter -1");
  expect_bad_input({"fit-init", "--data", images, "--set", "cifar11", "--out", at("out.h5")},
                   "unknown data set 'cifar11'");
  expect_bad_input({"fit-init", "--data", images, "--out", images}, "would overwrite the input");
}

}  // namespace
}  // namespace mebm::testing
