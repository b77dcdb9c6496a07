// evaluate: separation from other images and calibration, against the written-out definitions.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class EvaluateSeparationTest : public CliTest {
 protected:
  std::vector<double> scores(const std::string& images, const std::string& name) {
    expect_success({"score", "--checkpoint", at("m.h5"), "--images", at(images), "--out", at("s.h5"),
                    "--threads", "1", "--precision", "fp64", "--input-gradient"});
    return read("s.h5", name);
  }
};

double auroc(const std::vector<double>& in, const std::vector<double>& out) {
  double wins = 0;
  for (const double a : in)
    for (const double b : out) wins += a > b ? 1 : a == b ? 0.5 : 0;
  return wins / static_cast<double>(in.size() * out.size());
}

TEST_F(EvaluateSeparationTest, CountsPairsOfScores) {
  write_model("m.h5");
  write_images("x.h5", 20);
  engine::Hdf5Writer writer;
  std::vector<float> others = make_images(9);
  for (float& value : others) value *= 0.3f;
  writer.write("/images", {9, 3, kSide, kSide}, others.data());
  engine::write_file(at("y.h5"), writer);
  const json out = json::parse(
      expect_success({"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--metrics", "ood",
                      "--ood", at("y.h5"), "--json", "--threads", "1", "--precision", "fp64"})
          .out);
  const json& rows = out.at("ood").at("rows");
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(out.at("ood").at("in_count"), 20);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(rows[i].at("out"), at("y.h5"));
  for (std::size_t i = 3; i < 6; ++i) {
    EXPECT_EQ(rows[i].at("out"), "interpolated");
    EXPECT_EQ(rows[i].at("out_count"), 20);
  }
  std::vector<double> in = scores("x.h5", "/energy"), other = scores("y.h5", "/energy");
  for (double& e : in) e = -e;
  for (double& e : other) e = -e;
  EXPECT_EQ(rows[0].at("score"), "log_density");
  EXPECT_NEAR(rows[0].at("auroc").get<double>(), auroc(in, other), 1e-12);
  const auto slopes = [&](const std::string& images) {
    const std::vector<double> gradient = scores(images, "/input_gradient");
    std::vector<double> norms(gradient.size() / kPixels);
    for (std::size_t i = 0; i < gradient.size(); ++i) norms[i / kPixels] += gradient[i] * gradient[i];
    for (double& norm : norms) norm = -std::sqrt(norm);
    return norms;
  };
  EXPECT_EQ(rows[2].at("score"), "gradient_norm");
  EXPECT_NEAR(rows[2].at("auroc").get<double>(), auroc(slopes("x.h5"), slopes("y.h5")), 1e-12);
}

TEST_F(EvaluateSeparationTest, RefusesImagesOfAnotherSize) {
  write_model("m.h5");
  write_images("x.h5", 20);
  engine::Hdf5Writer writer;
  const std::vector<float> large(16 * 16 * 3);
  writer.write("/images", {1, 3, 16, 16}, large.data());
  engine::write_file(at("large.h5"), writer);
  expect_bad_input({"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--metrics", "ood", "--ood",
                    at("large.h5")},
                   "images are 3x16x16, the model takes 3x8x8");
}

TEST_F(EvaluateSeparationTest, CalibrationComesWithItsDiagram) {
  write_model("m.h5");
  write_images("x.h5", 20);
  const json out = json::parse(
      expect_success({"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--metrics",
                      "accuracy,ece", "--bins", "5", "--json", "--threads", "1", "--precision", "fp64"})
          .out);
  const std::vector<double> logits = scores("x.h5", "/logits");
  std::vector<double> count(5), confidence(5), accuracy(5);
  for (std::size_t n = 0; n < 20; ++n) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(10 * n);
    const auto best = std::max_element(row, row + 10);
    double sum = 0;
    for (int c = 0; c < 10; ++c) sum += std::exp(row[c] - *best);
    const auto bin = static_cast<std::size_t>(std::ceil(5 / sum) - 1);
    count[bin] += 1;
    confidence[bin] += 1 / sum;
    accuracy[bin] += best - row == static_cast<std::ptrdiff_t>(n % 10);
  }
  double error = 0;
  for (std::size_t b = 0; b < 5; ++b) error += std::fabs(confidence[b] - accuracy[b]) / 20;
  EXPECT_NEAR(out.at("ece").get<double>(), error, 1e-6);
  EXPECT_NEAR(out.at("running").at("ece").get<double>(), error, 1e-6);
  const json& bins = out.at("running").at("reliability").at("bins");
  ASSERT_EQ(bins.size(), 5u);
  for (std::size_t b = 0; b < 5; ++b) EXPECT_EQ(bins[b].at("count"), count[b]);
  EXPECT_TRUE(out.at("batch").contains("ece"));
  EXPECT_FALSE(out.contains("loss"));
  EXPECT_FALSE(out.contains("recalibrated"));  // an images file has no training split
}

}  // namespace
}  // namespace mebm::testing
