// analyze: its numbers are those of sample and score, its figures are there, and bad input is refused.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/cli/cli_test_util.h"
#include "tests/report/read_png.h"

namespace mebm::testing {

using ::testing::HasSubstr;

namespace {

const std::vector<std::string> kFigures{"tsne",       "tsne-class",          "tsne-energy",
                                        "log-p",      "log-p-class",         "energies",
                                        "extremes-p", "extremes-confidence", "centres"};

class AnalyzeTest : public CliTest {
 protected:
  // A small run of the command; options replace what is set here.
  std::vector<std::string> with(const std::vector<std::string>& options,
                                const std::string& model = "m.h5") const {
    std::vector<std::string> words{"analyze",  "--checkpoint", at(model), "--data",
                                   at("x.h5"), "--out",        at("out")};
    const std::pair<const char*, const char*> defaults[] = {
        {"--count", "20"}, {"--perplexity", "5"}, {"--steps", "2"}, {"--threads", "1"}};
    for (const auto& [name, value] : defaults)
      if (std::find(options.begin(), options.end(), name) == options.end())
        words.insert(words.end(), {name, value});
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }

  std::string text(const std::string& name) const {
    std::ifstream stream(at(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  std::size_t lines(const std::string& name) const {
    const std::string all = text(name);
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
  }

  void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], tolerance) << i;
  }
};

TEST_F(AnalyzeTest, WritesFiguresAndTheirNumbers) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 40);
  const RunResult result = expect_success(with({}));
  EXPECT_THAT(result.out, HasSubstr("energies of 20 images of each kind"));
  EXPECT_THAT(result.out, HasSubstr("t-SNE of m: KL divergence "));
  EXPECT_THAT(result.err, HasSubstr("9 figures, 0 left out"));
  for (const std::string& figure : kFigures) {
    const report::Image image = report::read_png(at("out/" + figure + ".png"));
    EXPECT_GT(image.width, 300) << figure;
    EXPECT_GT(image.height, 180) << figure;
  }
  EXPECT_EQ(lines("out/samples.csv"), 1u + 3 * 20);
  EXPECT_EQ(lines("out/energies.csv"), 1u + 3);
  EXPECT_THAT(text("out/energies.csv"), HasSubstr("\nm,x-,20,"));
  EXPECT_THAT(text("out/extremes.csv"), HasSubstr("m,x+,p(y|x),lowest,9,1,"));
  EXPECT_THAT(text("out/centres.csv"), HasSubstr("m,0,x-,1,"));
  for (const std::string kind : {"data", "starts", "chains"}) {
    EXPECT_EQ(entry("out/analysis.h5", "/m/" + kind + "/features").shape, (engine::Hdf5Shape{20, 64}));
    EXPECT_EQ(entry("out/analysis.h5", "/m/" + kind + "/embedding").shape, (engine::Hdf5Shape{20, 2}));
    EXPECT_EQ(entry("out/analysis.h5", "/m/" + kind + "/logits").shape, (engine::Hdf5Shape{20, 10}));
  }
  // x+ have the data's labels, which count the images.
  const std::vector<double> numbers = read("out/analysis.h5", "/m/data/number"),
                            classes = read("out/analysis.h5", "/m/data/class");
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(classes[i], std::fmod(numbers[i], 10));
}

TEST_F(AnalyzeTest, ChainsAreThoseOfSampleAndEnergiesThoseOfScore) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 70);
  const auto energies = [&](const std::string& images, const std::string& statistics) {
    expect_success({"score", "--checkpoint", at("m.h5"), "--images", at(images), "--out", at("s.h5"),
                    "--threads", "1", "--batch-norm", statistics});
    return read("s.h5", "/energy");
  };
  for (const std::string statistics : {"running", "batch"}) {
    expect_success(
        with({"--count", "64", "--figures", "energies", "--batch-norm", statistics, "--seed", "3"}));
    for (const std::string steps : {"0", "2"}) {
      expect_success({"sample", "--checkpoint", at("m.h5"), "--count", "64", "--steps", steps, "--out",
                      at("chains.h5"), "--threads", "1", "--batch-norm", statistics, "--seed", "3", "--noise",
                      "0"});
      const std::string kind = steps == "0" ? "starts" : "chains";
      expect_near(read("out/analysis.h5", "/m/" + kind + "/energy"), energies("chains.h5", statistics), 1e-5);
    }
  }
  // Running statistics do not know which images come together.
  expect_success(with({"--figures", "energies", "--batch-norm", "running"}));
  const std::vector<double> all = energies("x.h5", "running"),
                            numbers = read("out/analysis.h5", "/m/data/number"),
                            found = read("out/analysis.h5", "/m/data/energy");
  ASSERT_EQ(found.size(), 20u);
  EXPECT_EQ(std::set<double>(numbers.begin(), numbers.end()).size(), 20u);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_NEAR(found[i], all[static_cast<std::size_t>(numbers[i])], 1e-5) << i;
  EXPECT_FALSE(exists("out/tsne.png"));
}

TEST_F(AnalyzeTest, SummariesAreOfTheEnergies) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 21);
  expect_success(with({"--figures", "log-p", "--count", "21"}));
  std::vector<double> energies = read("out/analysis.h5", "/m/data/energy");
  std::sort(energies.begin(), energies.end());
  double mean = 0;
  for (const double energy : energies) mean += energy / 21;
  // Of 21 values the quantiles 0, 5 %, 50 %, 95 %, 1 are values themselves.
  std::string row = text("out/energies.csv");
  row = row.substr(row.find("m,x+,21,"));
  double found[7];
  ASSERT_EQ(std::sscanf(row.c_str(), "m,x+,21,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &found[0], &found[1], &found[2],
                        &found[3], &found[4], &found[5], &found[6]),
            7);
  EXPECT_NEAR(found[0], mean, 1e-7);
  const int order[] = {0, 1, 10, 19, 20};
  for (std::size_t q = 0; q < 5; ++q)
    EXPECT_NEAR(found[2 + q], energies[static_cast<std::size_t>(order[q])], 1e-7) << q;
}

TEST_F(AnalyzeTest, SeveralModelsShareTheFigures) {
  write_model("m.h5", {"", "head", false, true});
  std::filesystem::create_directories(at("run/checkpoints"));
  std::filesystem::copy_file(at("m.h5"), at("run/checkpoints/iteration-0000120.h5"));
  write_images("x.h5", 40);
  expect_success(with({"--figures", "tsne,energies"}));
  const int width = report::read_png(at("out/tsne.png")).width;
  const std::string one = text("out/tsne.png");
  expect_success(
      with({"--figures", "energies,tsne", "--checkpoint", at("run/checkpoints/iteration-0000120.h5"),
            "--checkpoint", at("m.h5"), "--threads", "2"}));
  EXPECT_EQ(report::read_png(at("out/tsne.png")).width, 3 * width + 2 * 24);
  EXPECT_EQ(lines("out/samples.csv"), 1u + 9 * 20);
  const std::vector<double> first = read("out/analysis.h5", "/m/chains/embedding");
  EXPECT_EQ(first, read("out/analysis.h5", "/run-120/chains/embedding"));
  EXPECT_EQ(first, read("out/analysis.h5", "/m-2/chains/embedding"));
  expect_success(with({"--figures", "tsne"}));
  EXPECT_EQ(text("out/tsne.png"), one);
}

TEST_F(AnalyzeTest, WithoutClassHeadFiguresByClassAreLeftOut) {
  write_model("m.h5", {"", "head", false, true}, 0);
  write_images("x.h5", 40);
  const RunResult result = expect_success(with({}));
  EXPECT_THAT(result.err, HasSubstr("note: m has no class head; left out for it: tsne-class, log-p-class, "
                                    "extremes-p, extremes-confidence, centres"));
  EXPECT_THAT(result.err, HasSubstr("4 figures, 5 left out"));
  EXPECT_TRUE(exists("out/tsne.png"));
  EXPECT_FALSE(exists("out/centres.png"));
  EXPECT_FALSE(exists("out/centres.csv"));
  std::filesystem::remove_all(at("out"));
  expect_bad_input(with({"--figures", "tsne,centres"}),
                   "m.h5: the model has no class head; the figure 'centres' needs one", "out");
}

TEST_F(AnalyzeTest, LabelsAreNotNeeded) {
  write_model("m.h5", {"", "logsumexp", false, true});
  write_images("x.h5", 40, false);
  expect_success(with({"--figures", "centres,extremes-p"}));
  // Every class is that of the largest logit.
  const std::vector<double> logits = read("out/analysis.h5", "/m/data/logits"),
                            classes = read("out/analysis.h5", "/m/data/class"),
                            energies = read("out/analysis.h5", "/m/data/energy");
  for (std::size_t i = 0; i < 20; ++i) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(10 * i);
    EXPECT_EQ(classes[i], static_cast<double>(std::max_element(row, row + 10) - row));
    double sum = 0;
    for (int c = 0; c < 10; ++c) sum += std::exp(row[c]);
    EXPECT_NEAR(energies[i], -std::log(sum), 1e-5);
  }
}

TEST_F(AnalyzeTest, BadInputIsRefusedBeforeAnythingIsWritten) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 40);
  const auto refused = [&](const std::vector<std::string>& options, const std::string& message,
                           const std::string& model = "m.h5") {
    expect_bad_input(with(options, model), message, "out");
  };
  expect_bad_input({"analyze", "--data", at("x.h5"), "--out", at("out")}, "--checkpoint is required", "out");
  refused({"--figures", "tsne,tnse"}, "--figures: 'tnse' is not available; known: tsne, tsne-class,");
  refused({"--figures", "tsne,"}, "--figures: '' is not available");
  refused({"--count", "41"}, "--count 41: " + at("x.h5") + " holds 40 images");
  refused({"--count", "0"}, "--count 0 is outside 1 ...");
  refused({"--count", "40", "--perplexity", "119"}, "120 points are too few for --perplexity 119");
  refused({"--perplexity", "0.5"}, "--perplexity 0.5 is outside");
  refused({"--steps", "-1"}, "--steps -1 is outside");
  refused({"--energy", "class"}, "'class' is unknown");
  refused({"--checkpoint", at("none.h5")}, "none.h5");
  write_model("c.h5", {"", "class", false, true});
  refused({}, "c.h5: its energy is that of a class; give --energy head or logsumexp", "c.h5");
  write_model("p.h5");
  refused({}, "p.h5: holds no initial distribution", "p.h5");
  expect_success(with({"--init", "uniform", "--figures", "energies"}, "p.h5"));
  std::filesystem::remove_all(at("out"));
  std::ofstream(at("file")) << "text";
  refused({"--data", at("file")}, "more than once");
  expect_bad_input({"analyze", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--out", at("file")},
                   "is a file, not a directory", "out");
  expect_bad_input({"analyze", "--checkpoint", at("m.h5"), "--data", at("x.h5"), "--out", at("none/out")},
                   "none", "none");
}

TEST_F(AnalyzeTest, MemoryOfTsneIsBounded) {
  write_model("m.h5", {"", "head", false, true});
  write_images("x.h5", 7000);
  expect_bad_input(with({"--count", "6667"}), "--count 6667: t-SNE takes 6666 images of each kind at most",
                   "out");
}

}  // namespace
}  // namespace mebm::testing
