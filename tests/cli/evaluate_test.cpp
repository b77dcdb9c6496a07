// evaluate: accuracy and loss against the written-out formulas on the logits.
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/ops/elementwise.h"
#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

class EvaluateTest : public CliTest {
 protected:
  // Accuracy and loss from the logits `score` writes.
  std::pair<double, double> from_logits(const std::string& batch_norm) {
    expect_success({"score", "--checkpoint", at("m.h5"), "--images", at("x.h5"), "--out", at("s.h5"),
                    "--threads", "1", "--precision", "fp64", "--batch-norm", batch_norm, "--batch-size",
                    "8"});
    const std::vector<double> logits = read("s.h5", "/logits");
    double correct = 0, loss = 0;
    for (std::size_t n = 0; n < 20; ++n) {
      double sum = 0;
      std::size_t best = 0;
      for (std::size_t c = 0; c < 10; ++c) {
        sum += std::exp(logits[10 * n + c]);
        if (logits[10 * n + c] > logits[10 * n + best]) best = c;
      }
      correct += best == n % 10 ? 1 : 0;
      loss += std::log(sum) - logits[10 * n + n % 10];
    }
    return {correct / 20, loss / 20};
  }
};

TEST_F(EvaluateTest, PrintsBothStatisticsAsJson) {
  write_model("m.h5");
  write_images("x.h5", 20);
  const RunResult result =
      expect_success({"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--json", "--threads",
                      "1", "--precision", "fp64", "--batch-size", "8"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("count"), 20);
  EXPECT_EQ(json.at("batch_size"), 8);
  for (const std::string statistics : {"running", "batch"}) {
    const auto [accuracy, loss] = from_logits(statistics);
    EXPECT_DOUBLE_EQ(json.at(statistics).at("accuracy").get<double>(), accuracy) << statistics;
    EXPECT_NEAR(json.at(statistics).at("loss").get<double>(), loss, 1e-12) << statistics;
  }
  EXPECT_NE(json.at("running").at("loss"), json.at("batch").at("loss"));
}

TEST_F(EvaluateTest, PrintsATable) {
  write_model("m.h5");
  write_images("x.h5", 20);
  const RunResult result =
      expect_success({"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--threads", "1",
                      "--metrics", "accuracy", "--batch-norm", "running"});
  EXPECT_THAT(result.out, ::testing::HasSubstr("20 images"));
  EXPECT_THAT(result.out, ::testing::HasSubstr(fmt::format("{:.2f} %", 100 * from_logits("running").first)));
  EXPECT_THAT(result.out, ::testing::Not(::testing::HasSubstr("loss")));
}

TEST_F(EvaluateTest, RefusesWhatItCannotMeasure) {
  write_model("m.h5");
  write_model("no-classes.h5", {}, 0);
  write_images("x.h5", 12);
  write_images("unlabelled.h5", 4, false);
  const std::string model = at("m.h5"), images = at("x.h5");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", images, "--metrics", "robustness"},
                   "'robustness' is not available; known: accuracy, loss, ece, fd-ref, fid, is, kid, "
                   "precision-recall, ood; planned: robustness");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", images, "--batch-norm", "recalibrated"},
                   "needs a data set with a training split");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", images, "--metrics", "acuracy"},
                   "'acuracy'");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", at("unlabelled.h5")}, "needs labels");
  expect_bad_input({"evaluate", "--checkpoint", at("no-classes.h5"), "--data", images}, "no class head");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", images, "--batch-size", "0"},
                   "--batch-size 0");
  expect_bad_input({"evaluate", "--checkpoint", model, "--data", at("absent")}, "does not exist");
  write_model("three.h5", {}, 3);
  expect_bad_input({"evaluate", "--checkpoint", at("three.h5"), "--data", images},
                   "label 3 of image 3 is outside 0 ... 2");
}

}  // namespace
}  // namespace mebm::testing
