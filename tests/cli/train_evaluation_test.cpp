// Evaluations during training: their figures, and that the run is the same with and without them.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainEvaluationTest : public TrainTest {
 protected:
  // Random images in the shape of Fashion-MNIST, whose reference network the program carries.
  TrainEvaluationTest() {
    constexpr std::size_t kImages = 60000, kImageBytes = 28 * 28;
    std::filesystem::create_directory(at("data"));
    std::string images("\0\0\x08\x03\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c", 16),
        labels("\0\0\x08\x01\0\0\xea\x60", 8);
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < kImages * kImageBytes; ++i) {
      state = state * 1664525u + 1013904223u;
      images += static_cast<char>(state >> 24);
    }
    for (std::size_t i = 0; i < kImages; ++i) labels += static_cast<char>(i % 10);
    std::ofstream(at("data/train-images-idx3-ubyte"), std::ios::binary) << images;
    std::ofstream(at("data/train-labels-idx1-ubyte"), std::ios::binary) << labels;
  }

  Words run(const std::string& out, const Words& extra = {}) const {
    Words words = set({"data.set=fashion-mnist", "init.kind=uniform", "data.validation=8", "buffer.size=40",
                       "sampler.noise=0.01", "buffer.reinit_probability=0.5", "run.iterations_per_epoch=2",
                       "run.checkpoint_every=2"});
    words.insert(words.end(), extra.begin(), extra.end());
    return train_on(at("data"), out, words);
  }
  // Lines of metrics.jsonl that hold `key`: iteration and value.
  std::vector<std::pair<int, double>> figures(const std::string& out, const std::string& key) const {
    std::ifstream in(at(out) + "/metrics.jsonl");
    std::vector<std::pair<int, double>> found;
    for (std::string line; std::getline(in, line);) {
      const auto object = nlohmann::json::parse(line);
      if (object.contains(key)) found.emplace_back(object["iteration"], object[key]);
    }
    return found;
  }
  void expect_same_state(const std::string& a, const std::string& b) const {
    for (const std::string path :
         {"/model/parameters/f.conv1.weight", "/model/parameters/f.layer3.0.conv2.weight",
          "/model/parameters/energy_output.weight", "/model/parameters/class_output.weight",
          "/model/buffers/f.bn1.running_mean", "/model/buffers/f.layer1.0.bn1.running_var",
          "/optimizer/momentum/f.conv1.weight", "/replay_buffer/images", "/replay_buffer/ages"})
      EXPECT_EQ(read(a + "/checkpoints/iteration-0000004.h5", path),
                read(b + "/checkpoints/iteration-0000004.h5", path))
          << path;
  }
};

TEST_F(TrainEvaluationTest, ChangesNoBitOfTheRun) {
  const Words evaluated = set({"run.evaluate_every=1", "run.evaluate_samples=70"});
  expect_success(run("without"));
  expect_success(run("with", evaluated));
  expect_same_state("without", "with");
  EXPECT_EQ(bytes_of(at("without/metrics.jsonl")).find("fd_ref"), std::string::npos);

  const auto fresh = figures("with", "fd_ref"), buffer = figures("with", "fd_ref_buffer"),
             accuracy = figures("with", "validation_accuracy");
  ASSERT_EQ(fresh.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(fresh[i].first, i == 0 ? 1 : 3);
    EXPECT_GT(fresh[i].second, 0);
    EXPECT_TRUE(std::isfinite(fresh[i].second));
  }
  EXPECT_EQ(buffer.size(), 2u);
  EXPECT_EQ(accuracy.size(), 2u);
  EXPECT_THAT(bytes_of(at("with/run.log")),
              ::testing::HasSubstr("fd_ref: 70 chains of 2 steps from U(-1, 1) (step size 1, noise 0.01"));

  // A run that stops, continues and begins to evaluate late finds the same figure.
  Words half{"--max-iterations", "2"};
  expect_success(run("resumed", half));
  Words more = {"train", "--resume", "--data", at("data"), "--out", at("resumed"), "--threads", "1"};
  more.insert(more.end(), evaluated.begin(), evaluated.end());
  expect_success(more);
  expect_same_state("without", "resumed");
  ASSERT_EQ(figures("resumed", "fd_ref").size(), 1u);
  EXPECT_EQ(figures("resumed", "fd_ref")[0], fresh[1]);
  EXPECT_EQ(figures("resumed", "fd_ref_buffer")[0], buffer[1]);
}

TEST_F(TrainTest, FdRefNeedsAReferenceNetworkAndChains) {
  const auto refuse = [&](std::initializer_list<std::string> assignments, const std::string& message) {
    expect_refused(train("out", set(assignments)), message);
  };
  refuse(
      {"run.evaluate_every=1", "run.evaluate_samples=10"},
      "run.evaluate_samples = 10: there is no reference network for data.set = \"images\"; known: cifar10");
  refuse({"run.evaluate_samples=10"}, "run.evaluate_every = 0 makes none");
  refuse({"run.evaluate_every=1", "run.evaluate_samples=10", "objective.energy_weight=0"}, "needs chains");
  refuse({"run.evaluate_every=1", "run.evaluate_samples=1"}, "has no covariance");
}

}  // namespace
}  // namespace mebm::testing
