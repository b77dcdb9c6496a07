// evaluate: distances of samples, what is stated beside them, and everything that is refused.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/io/sha256.h"
#include "tests/cli/cli_test_util.h"

namespace mebm::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class EvaluateDistancesTest : public CliTest {
 protected:
  EvaluateDistancesTest() { unsetenv("MEBM_INCEPTION"); }

  std::vector<std::string> command(const std::string& metrics, const std::vector<std::string>& more) const {
    std::vector<std::string> words{"evaluate", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--threads",
                                   "1",        "--metrics",    metrics};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json evaluate(const std::string& metrics, std::vector<std::string> more) const {
    more.insert(more.end(), {"--json", "--features", at("m.h5")});
    return json::parse(expect_success(command(metrics, more)).out);
  }
};

TEST_F(EvaluateDistancesTest, AnImagesFileIsAtNoDistanceFromItself) {
  write_model("m.h5");
  write_images("x.h5", 90);
  const json out = evaluate("fd-ref,precision-recall", {"--samples-file", at("x.h5")});
  ASSERT_EQ(out.at("distances").size(), 1u);
  const json row = out.at("distances")[0];
  EXPECT_EQ(row.at("samples"), "file");
  EXPECT_EQ(row.at("count"), 90);
  EXPECT_EQ(row.at("rounding"), "nearest byte");
  EXPECT_EQ(row.at("filter"), "none");
  EXPECT_NEAR(row.at("fd_ref").get<double>(), 0, 1e-6);
  EXPECT_EQ(row.at("precision"), 1);
  EXPECT_EQ(row.at("recall"), 1);
  EXPECT_THAT(row.at("extractor").get<std::string>(), HasSubstr("WRN-10-1, 64 penultimate features"));
  EXPECT_EQ(row.at("extractor_sha256").get<std::string>().size(), 64u);
  EXPECT_THAT(row.at("reference").get<std::string>(), HasSubstr("x.h5 file, 90 images, sha256 "));
  EXPECT_FALSE(out.contains("accuracy"));
  EXPECT_FALSE(row.contains("fid"));
}

TEST_F(EvaluateDistancesTest, ThreeSourcesSideBySide) {
  write_model("m.h5", {"", "head", true, true});
  write_images("x.h5", 80);
  const json out = evaluate("fd-ref", {"--count", "70", "--steps", "1"});
  ASSERT_EQ(out.at("distances").size(), 3u);
  const json& rows = out.at("distances");
  EXPECT_EQ(rows[0].at("samples"), "fresh");
  EXPECT_EQ(rows[0].at("count"), 70);
  EXPECT_EQ(rows[0].at("steps"), 1);
  EXPECT_EQ(rows[1].at("samples"), "buffer");
  EXPECT_EQ(rows[1].at("count"), 20);
  EXPECT_EQ(rows[2].at("samples"), "reference");
  EXPECT_EQ(rows[2].at("rounding"), "truncated to bytes");
  EXPECT_THAT(rows[2].at("filter").get<std::string>(), HasSubstr("90 %"));
  for (const json& row : rows) EXPECT_GT(row.at("fd_ref").get<double>(), 0);
  EXPECT_NE(rows[1].at("fd_ref"), rows[2].at("fd_ref"));
  // 20 images for 64 features.
  EXPECT_THAT(out.at("warnings").dump(), HasSubstr("buffer: 20 images for 64 features"));

  // The selection holds the floor of 90 % of every predicted class.
  expect_success({"sample", "--checkpoint", at("m.h5"), "--init", "buffer", "--steps", "0", "--count", "20",
                  "--out", at("b.h5"), "--threads", "1"});
  expect_success(
      {"score", "--checkpoint", at("m.h5"), "--images", at("b.h5"), "--out", at("s.h5"), "--threads", "1"});
  const std::vector<double> logits = read("s.h5", "/logits");
  std::vector<int> predicted(10);
  for (std::size_t n = 0; n < 20; ++n) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(10 * n);
    ++predicted[static_cast<std::size_t>(std::max_element(row, row + 10) - row)];
  }
  int kept = 0;
  for (const int count : predicted) kept += count * 9 / 10;
  EXPECT_EQ(rows[2].at("count"), kept);
}

TEST_F(EvaluateDistancesTest, FreshChainsAreThoseOfSample) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 80);
  expect_success({"sample", "--checkpoint", at("m.h5"), "--count", "70", "--steps", "2", "--out", at("c.h5"),
                  "--threads", "1", "--seed", "3"});
  const json out = evaluate("fd-ref", {"--samples", "fresh", "--count", "70", "--steps", "2", "--seed", "3",
                                       "--samples-file", at("c.h5")});
  const json& rows = out.at("distances");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].at("samples"), "file");
  EXPECT_EQ(rows[0].at("fd_ref"), rows[1].at("fd_ref"));
  EXPECT_EQ(rows[0].at("predicted_classes"), rows[1].at("predicted_classes"));
  const json other =
      evaluate("fd-ref", {"--samples", "fresh", "--count", "70", "--steps", "2", "--seed", "4"});
  EXPECT_NE(other.at("distances")[0].at("fd_ref"), rows[0].at("fd_ref"));
}

TEST_F(EvaluateDistancesTest, ReferenceStatisticsAreKeptWithTheirProtocol) {
  write_model("m.h5", {"", "head", true, false});
  write_model("other.h5", {}, 9);
  write_images("x.h5", 80);
  const std::vector<std::string> cached{"--samples", "buffer", "--cache", at("cache")};
  const json first = evaluate("fd-ref", cached);
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(at("cache"))) file = entry.path();
  EXPECT_THAT(file, ::testing::EndsWith(".npz"));
  const auto written = std::filesystem::last_write_time(file);
  EXPECT_EQ(evaluate("fd-ref", cached).at("distances"), first.at("distances"));
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
  const json given = evaluate("fd-ref", {"--samples", "buffer", "--reference-statistics", file});
  EXPECT_EQ(given.at("distances")[0].at("fd_ref"), first.at("distances")[0].at("fd_ref"));
  EXPECT_THAT(given.at("distances")[0].at("reference").get<std::string>(), HasSubstr("80 images"));
  // Of another network.
  expect_bad_input(command("fd-ref", {"--samples", "buffer", "--features", at("other.h5"),
                                      "--reference-statistics", file}),
                   "was made by '");
  std::filesystem::copy(file, at("mine.npz"));
  expect_bad_input(command("fd-ref", {"--samples", "buffer", "--reference-statistics", at("none.npz"),
                                      "--features", at("m.h5")}),
                   "none.npz");
}

TEST_F(EvaluateDistancesTest, NeighboursSayTheirOwnReference) {
  write_model("m.h5", {"", "head", true, false});
  write_images("x.h5", 80);
  evaluate("fd-ref", {"--samples", "buffer", "--cache", at("cache")});
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(at("cache"))) file = entry.path();
  const json row =
      evaluate("fd-ref,precision-recall", {"--samples", "buffer", "--reference-statistics", file})
          .at("distances")[0];
  EXPECT_THAT(row.at("reference").get<std::string>(), HasSubstr(file));
  EXPECT_THAT(row.at("neighbours_reference").get<std::string>(), HasSubstr("80 images, sha256 "));
  EXPECT_TRUE(row.contains("precision") && row.contains("recall"));
}

TEST_F(EvaluateDistancesTest, PrintsTables) {
  write_model("m.h5", {"", "head", true, true});
  write_images("x.h5", 80);
  const std::string out =
      expect_success(command("fd-ref", {"--count", "64", "--steps", "1", "--features", at("m.h5")})).out;
  EXPECT_THAT(out, HasSubstr("fresh: N = 64, K = 1"));
  EXPECT_THAT(out, HasSubstr("FD-ref"));
  EXPECT_THAT(out, ::testing::Not(HasSubstr("FID")));
  EXPECT_THAT(out, HasSubstr("sha256"));
  EXPECT_THAT(out, HasSubstr("reference"));
}

TEST_F(EvaluateDistancesTest, LeavesOutWhatTheCheckpointDoesNotHaveAndSaysSo) {
  write_model("m.h5", {"", "head", true, false});
  write_images("x.h5", 80);
  const json out = evaluate("fd-ref", {});
  EXPECT_EQ(out.at("distances").size(), 2u);
  EXPECT_THAT(out.at("warnings").dump(),
              HasSubstr("holds no initial distribution, so fresh chains are left out"));
}

TEST_F(EvaluateDistancesTest, RefusesInOneLine) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 12);
  const std::vector<std::string> own{"--features", at("m.h5")};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), own.begin(), own.end());
    return words;
  };
  expect_bad_input(
      command("fid", {}),
      "pt_inception-2015-12-05-6726825d.pth (SHA-256 6726825d...), converted by "
      "scripts/convert_inception.py and named by --inception or MEBM_INCEPTION; without them use "
      "--metrics fd-ref");
  expect_bad_input(command("fd-ref", {}), "there is no reference network for 'images'");
  expect_bad_input(command("fd-ref", {"--features", "cifar10"}),
                   "images are 3x8x8, reference network cifar10");
  expect_bad_input(command("fd-ref", {"--features", at("absent.h5")}), "no such file");
  expect_bad_input(command("fd-ref", {"--features", at("x.h5")}), "is no checkpoint");
  expect_bad_input(command("fd-ref", with({"--samples", "buffer"})), "holds no replay buffer");
  expect_bad_input(command("fd-ref", with({"--samples", "bufer"})),
                   "--samples: 'bufer' is not available; known: fresh, buffer, reference");
  expect_bad_input(command("fd-ref", with({"--count", "1"})), "--count 1");
  expect_bad_input(command("fd-ref", with({"--samples-file", at("gone.h5")})), "gone.h5");
  engine::Hdf5Writer writer;
  const std::vector<float> large(16 * 16 * 3);
  writer.write("/images", {1, 3, 16, 16}, large.data());
  engine::write_file(at("large.h5"), writer);
  expect_bad_input(command("fd-ref", with({"--samples-file", at("large.h5")})),
                   "images are 3x16x16, the model's are 3x8x8");
  expect_bad_input(command("fid", {"--inception", at("inception.h5")}), "inception.h5");
  expect_bad_input(command("accuracy", {"--samples", "fresh"}), "--samples: is for --metrics fd-ref");
  expect_bad_input(command("fd-ref", with({"--ood", at("x.h5")})), "--ood: is for --metrics ood");
  expect_bad_input(command("fd-ref", with({"--batch-norm", "batch"})), "--batch-norm: is for --metrics");
  expect_bad_input(command("kid", with({"--reference-statistics", at("x.npz")})),
                   "--reference-statistics: is for --metrics fd-ref or fid");
  expect_bad_input(command("kid", own),
                   "--metrics kid: needs 1000 images a side; there are 5000 samples and 12 ");
  expect_bad_input(command("precision-recall", with({"--count", "3"})),
                   "samples (fresh): 3 are too few for --metrics precision-recall, which needs 4 at least");
  expect_bad_input(command("fd-ref", with({"--reference-statistics", at("x.npz"), "--cache", at("new")})),
                   "x.npz");
  EXPECT_FALSE(std::filesystem::exists(at("new")));
  expect_bad_input(command("robustness", {}), "'robustness' is not available");
  for (const std::string option : {"--steps", "--step-size", "--noise"})
    expect_bad_input(command("fd-ref", with({"--samples-file", at("x.h5"), option, "1"})),
                     option + ": is for new chains, --samples fresh");
  write_model("m.h5");
  expect_bad_input(command("fd-ref", own), "holds neither initial distribution nor replay buffer");
}

}  // namespace
}  // namespace mebm::testing
