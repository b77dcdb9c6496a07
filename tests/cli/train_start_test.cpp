// Where runs start: at iteration 0, from p0 files, and only from the data they began with.
#include <cmath>
#include <csignal>
#include <limits>
#include <tuple>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

using engine::Hdf5Shape;
using engine::Hdf5Writer;

class TrainStartTest : public TrainTest {
 protected:
  static constexpr double kVariance = 0.0625, kJitter = 1e-2;

  // The group alone, no root attributes: mean i / 1000 and covariance kVariance I, unless changed.
  struct Group {
    Hdf5Shape mean_shape{kPixels}, covariance_shape{kPixels, kPixels};
    bool covariance = true;
    double corner = kVariance;
  };
  std::string write_group(const std::string& name, const Group& group) const {
    const auto size = [](const Hdf5Shape& shape) {
      std::int64_t elements = 1;
      for (const std::int64_t extent : shape) elements *= extent;
      return static_cast<std::size_t>(elements);
    };
    std::vector<double> mean(size(group.mean_shape)), covariance(size(group.covariance_shape));
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<double>(i) / 1000;
    for (std::size_t i = 0; i < covariance.size(); i += kPixels + 1) covariance[i] = kVariance;
    covariance[0] = group.corner;
    Hdf5Writer writer;
    writer.make_group("/initial_distribution");
    writer.set_attribute("/initial_distribution", "kind", "gaussian");
    writer.set_attribute("/initial_distribution", "jitter", kJitter);
    writer.write("/initial_distribution/mean", group.mean_shape, mean.data());
    if (group.covariance)
      writer.write("/initial_distribution/covariance", group.covariance_shape, covariance.data());
    engine::write_file(at(name), writer);
    return at(name);
  }
  void refuse_group(const Group& group, const std::string& message) const {
    expect_refused(train("out", {"--initial-distribution", write_group("p0.h5", group)}), message);
  }
};

TEST_F(TrainStartTest, NoIterationsLeaveACheckpointToStartFrom) {
  expect_success(train("whole"));
  expect_success(train("out", {"--max-iterations", "0"}));
  EXPECT_TRUE(exists("out/checkpoints/iteration-0000000.h5"));
  EXPECT_TRUE(checkpoints("out").empty());
  EXPECT_FALSE(exists("out/metrics.jsonl"));
  expect_success({"inspect", checkpoint("out", 0), "--verify"});
  expect_success(resume("out"));
  EXPECT_EQ(bytes_of(checkpoint("out", 40)), bytes_of(checkpoint("whole", 40)));
  expect_logged("out", 1, 39);
}

TEST_F(TrainStartTest, ARunKilledBeforeItsFirstScheduledCheckpointStartsAgainFromIteration0) {
  const Words extra = set({"run.checkpoint_every=0"});
  expect_success(train("whole", extra));
  Child child(train("out", extra), at("log"));
  ASSERT_TRUE(eventually([&] { return exists("out/metrics.jsonl") || !child.running(); }));
  child.signal(SIGKILL);
  ASSERT_EQ(child.wait().status, 128 + SIGKILL);
  ASSERT_TRUE(checkpoints("out").empty());
  expect_success(resume("out"));
  EXPECT_EQ(bytes_of(checkpoint("out", 40)), bytes_of(checkpoint("whole", 40)));
  expect_logged("out", 1, 39);
}

TEST_F(TrainStartTest, AGroupWithAFlatMeanAndACovarianceIsEnough) {
  for (const Hdf5Shape& shape : {Hdf5Shape{kPixels}, Hdf5Shape{3, kSide, kSide}}) {
    const std::string out = "out" + std::to_string(shape.size());
    const std::string file = write_group("p0.h5", {.mean_shape = shape});
    expect_success(train(out, {"--initial-distribution", file, "--max-iterations", "1"}));
    const std::string stored = out + "/checkpoints/iteration-0000001.h5";
    const std::vector<double> mean = read(stored, "/initial_distribution/mean"),
                              factor = read(stored, "/initial_distribution/factor");
    ASSERT_EQ(mean.size(), static_cast<std::size_t>(kPixels));
    ASSERT_EQ(factor.size(), static_cast<std::size_t>(kPixels * kPixels));
    for (std::size_t i = 0; i < kPixels; ++i) {
      EXPECT_EQ(mean[i], static_cast<float>(static_cast<double>(i) / 1000));
      for (std::size_t j = 0; j < kPixels; ++j)
        ASSERT_EQ(factor[i * kPixels + j], i == j ? static_cast<float>(std::sqrt(kVariance + kJitter)) : 0);
    }
  }
}

TEST_F(TrainStartTest, GroupsThatDoNotDescribeAGaussianOfTheImages) {
  refuse_group({.covariance = false}, "p0.h5: '/initial_distribution/covariance' is missing");
  refuse_group({.covariance_shape = {kPixels, kPixels - 1}}, "/initial_distribution/covariance");
  refuse_group({.covariance_shape = {kPixels}}, "/initial_distribution/covariance");
  refuse_group({.mean_shape = {kPixels - 1}},
               "/initial_distribution/mean [191] does not fit images of 3x8x8");
  refuse_group({.corner = -1}, "/initial_distribution/covariance");
  refuse_group({.corner = std::numeric_limits<double>::quiet_NaN()},
               "/initial_distribution/covariance holds nan at element 0");
}

TEST_F(TrainStartTest, ResumeKeepsItsDistributionAndItsData) {
  expect_success(train("run", {"--max-iterations", "2"}));
  const std::string before = bytes_of(checkpoint("run", 2));
  expect_refused(resume("run", {"--initial-distribution", write_group("p0.h5", {})}),
                 "--resume continues with the run's own p0; leave out --initial-distribution", "none");
  for (const auto& [file, count, labels] :
       {std::tuple{"more.h5", 65, true}, std::tuple{"unlabelled.h5", 64, false}}) {
    const std::string data = write_images(file, count, labels);
    expect_refused({"train", "--resume", "--data", data, "--out", at("run")},
                   "--data " + data + ": holds other images or labels than the run was started with", "none");
  }
  EXPECT_EQ(bytes_of(checkpoint("run", 2)), before);
  EXPECT_EQ(checkpoints("run"), std::vector<int>{2});
}

}  // namespace
}  // namespace mebm::testing
