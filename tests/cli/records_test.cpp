// What files, logs and notes say about how they came to be.
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "report/grid.h"
#include "tests/cli/train_test_util.h"
#include "tests/report/read_png.h"

namespace mebm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RecordsTest : public TrainTest {
 protected:
  const TinyContents kInitial{"", "head", false, true};

  engine::Hdf5Attribute attribute(const std::string& name, const std::string& key) const {
    return engine::open_checked(at(name)).attributes("/").at(key);
  }
};

TEST_F(RecordsTest, SamplesAndScoresSayHowTheyWereMade) {
  const std::string model = write_model("m.h5", kInitial);
  expect_success({"sample", "--checkpoint", model, "--count", "2", "--steps", "3", "--seed", "7", "--out",
                  at("s.h5"), "--threads", "1"});
  EXPECT_EQ(attribute("s.h5", "version"), engine::Hdf5Attribute(std::int64_t{1}));
  EXPECT_EQ(attribute("s.h5", "created"), engine::Hdf5Attribute(std::string("2023-11-14T22:13:20Z")));
  EXPECT_EQ(attribute("s.h5", "checkpoint"), engine::Hdf5Attribute(model));
  EXPECT_EQ(attribute("s.h5", "checkpoint_iteration"), engine::Hdf5Attribute(std::int64_t{12}));
  EXPECT_EQ(attribute("s.h5", "seed"), engine::Hdf5Attribute(std::int64_t{7}));
  EXPECT_EQ(attribute("s.h5", "steps"), engine::Hdf5Attribute(std::int64_t{3}));
  EXPECT_EQ(attribute("s.h5", "pixel_clamp"), engine::Hdf5Attribute(1.0));
  EXPECT_EQ(attribute("s.h5", "batch_norm"), engine::Hdf5Attribute(std::string("batch")));
  EXPECT_EQ(attribute("s.h5", "energy"), engine::Hdf5Attribute(std::string("head")));
  expect_success(
      {"score", "--checkpoint", model, "--images", at("s.h5"), "--out", at("e.h5"), "--threads", "1"});
  EXPECT_EQ(attribute("e.h5", "scored_images"), engine::Hdf5Attribute(at("s.h5")));
  EXPECT_EQ(attribute("e.h5", "batch_norm"), engine::Hdf5Attribute(std::string("running")));
  EXPECT_EQ(attribute("e.h5", "batch_size"), engine::Hdf5Attribute(std::int64_t{64}));
}

TEST_F(RecordsTest, UnclampedSamplesCanBeScoredAndContinuedButNotTrainedOn) {
  const std::string model = write_model("m.h5", kInitial);
  expect_success({"sample", "--checkpoint", model, "--count", "4", "--steps", "1", "--noise", "3",
                  "--pixel-clamp", "0", "--out", at("wide.h5"), "--threads", "1"});
  const std::vector<double> images = read("wide.h5", "/images");
  ASSERT_GT(*std::max_element(images.begin(), images.end()), 1.5);
  expect_success(
      {"score", "--checkpoint", model, "--images", at("wide.h5"), "--out", at("e.h5"), "--threads", "1"});
  expect_success({"sample", "--checkpoint", model, "--init-images", at("wide.h5"), "--steps", "0", "--out",
                  at("same.h5"), "--threads", "1"});
  EXPECT_EQ(read("same.h5", "/images"), images);
  const std::string message = "only score and sample --init-images take such images";
  expect_refused(train_on(at("wide.h5"), "out", set({"objective.classifier_weight=0"})), message);
  expect_bad_input({"fit-init", "--data", at("wide.h5"), "--out", at("out.h5")}, message);
}

TEST_F(RecordsTest, InspectShowsTheAttributesOfEveryGroup) {
  const std::string model = write_model("m.h5", kInitial);
  const auto object = nlohmann::json::parse(expect_success({"inspect", model, "--json"}).out);
  EXPECT_EQ(object["groups"]["/initial_distribution"]["kind"], "uniform");
  EXPECT_EQ(object["groups"]["/environment"]["threads"], 1);
  EXPECT_THAT(expect_success({"inspect", model}).out, HasSubstr("initial_distribution.kind"));
  EXPECT_THAT(expect_success({"inspect", model, "--verify"}).out,
              HasSubstr("verified: the digest is right, every value is finite, the tensors fit the model"));
}

TEST_F(RecordsTest, AClassHeadThatWasNotTrainedIsNamed) {
  const std::string untrained = "[objective]\nclassifier_weight = 0\n",
                    trained = "[objective]\nclassifier_weight = 1\n";
  const std::string model = write_model("m.h5", {untrained, "head", false, true});
  const std::string note = "its run did not train the class head (objective.classifier_weight = 0)";
  const RunResult result = expect_success({"evaluate", "--checkpoint", model, "--data", images_, "--json"});
  EXPECT_THAT(result.err, HasSubstr(note));
  EXPECT_THAT(nlohmann::json::parse(result.out)["note"].get<std::string>(), HasSubstr(note));
  const std::vector<std::string> sample{"sample", "--checkpoint", model, "--count", "1", "--out", at("s.h5")};
  EXPECT_THAT(expect_success(sample).err, Not(HasSubstr(note)));
  std::vector<std::string> classes = sample;
  classes.insert(classes.end(), {"--energy", "logsumexp"});
  EXPECT_THAT(expect_success(classes).err, HasSubstr(note));
  const std::string other = write_model("t.h5", {trained, "head", false, false});
  EXPECT_EQ(expect_success({"evaluate", "--checkpoint", other, "--data", images_}).err, "");
}

TEST_F(RecordsTest, ASetIsNamedWithDataSetAndStillWithSet) {
  const std::string model = write_model("m.h5");
  for (const std::string option : {"--data-set", "--set"})
    expect_success({"evaluate", "--checkpoint", model, "--data", images_, option, "images"});
  const std::string help = expect_success({"evaluate", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("--data-set NAME"));
  EXPECT_THAT(help, Not(HasSubstr("--set NAME")));
}

TEST_F(RecordsTest, MoreThreadsThanProcessorsAreTakenWithANote) {
  const std::string model = write_model("m.h5", kInitial);
  EXPECT_THAT(expect_success(
                  {"sample", "--checkpoint", model, "--count", "1", "--out", at("s.h5"), "--threads", "300"})
                  .err,
              HasSubstr("300 threads on "));
}

TEST_F(RecordsTest, AStoppedRunNamesTheWholeCommandThatContinuesIt) {
  std::filesystem::copy_file(images_, at("my images.h5"));
  Child child(train_on(at("my images.h5"), "out", set({"run.epochs=100000"})), at("log"));
  ASSERT_TRUE(eventually([&] { return exists("out/metrics.jsonl") || !child.running(); }));
  child.signal(SIGINT);
  const RunResult result = child.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr(std::string(MEBM_ENGINE) + " train --resume --data '" +
                                    at("my images.h5") + "' --out " + at("out") + "\n"));
  EXPECT_THAT(bytes_of(at("out/run.log")), HasSubstr("stopped by a signal at iteration "));
}

TEST_F(RecordsTest, ASignalBeforeAnythingIsWrittenLeavesNothing) {
  // Long to measure: estimated from a part of an iteration, which still takes seconds.
  Child child(
      train("out", set({"model.depth=10", "model.width=32", "data.batch_size=64", "sampler.steps=1000"})),
      at("log"));
  ASSERT_TRUE(eventually([&] { return bytes_of(at("log")).find("measuring") != std::string::npos; }));
  child.signal(SIGTERM);
  const RunResult result = child.wait();
  EXPECT_EQ(result.status, 128 + SIGTERM);
  EXPECT_THAT(result.err, HasSubstr("stopped by a signal; nothing was written\n"));
  EXPECT_FALSE(exists("out"));
}

TEST_F(RecordsTest, ADivergedRunIsLoggedAndAdvisesWhatWorks) {
  const RunResult result =
      run_engine(train("out", set({"optimizer.learning_rate=1e6", "optimizer.warmup_iterations=0"})));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("diverged at iteration "));
  EXPECT_THAT(result.err, HasSubstr("--weights " + at("out/checkpoints/iteration-0000")));
  EXPECT_THAT(result.err, Not(HasSubstr("-nan")));
  EXPECT_THAT(bytes_of(at("out/run.log")), HasSubstr("failed at iteration "));
}

TEST_F(RecordsTest, TheSpeedOfALongIterationIsEstimatedFromAPart) {
  const RunResult result = expect_success(train("out", {"--dry-run", "--set", "sampler.steps=1000000"}));
  EXPECT_THAT(result.out, ::testing::StartsWith("model "));
  EXPECT_THAT(result.out, HasSubstr("s an iteration, estimated from "));
  EXPECT_THAT(result.out, HasSubstr("with 1 image, 1 labelled, 1 step"));
  EXPECT_FALSE(exists("out"));
}

TEST_F(RecordsTest, PanelsOfTheSampleGridHoldAsManyImages) {
  expect_success(train("out", {"--max-iterations", "1"}));  // batches of 4, a buffer and a set of 64
  const report::Image grid = report::read_png(at("out/samples/iteration-0000001.png"));
  const std::vector<float> images = make_images(64);
  const report::ImagesView view{images.data(), 64, 3, kSide, kSide};
  const report::Image expected = report::three_panel(view, view, view);
  EXPECT_EQ(grid.width, expected.width);
  EXPECT_EQ(grid.height, expected.height);
  EXPECT_EQ(grid.channels, expected.channels);
}

TEST_F(RecordsTest, ResumingAFinishedRunSaysThatNothingIsLeft) {
  expect_success(train("out", {"--max-iterations", "4"}));
  const RunResult result = expect_success(resume("out", {"--max-iterations", "3"}));
  EXPECT_THAT(result.err, HasSubstr("the run has done 4 iterations, 3 are asked for: nothing is left to do"));
  EXPECT_THAT(bytes_of(at("out/run.log")), Not(HasSubstr("4 of 3")));
}

}  // namespace
}  // namespace mebm::testing
