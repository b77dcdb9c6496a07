// Training runs that cannot start: exit status 2, one line, no run directory.
#include <unistd.h>

#include <fstream>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainInputTest : public TrainTest {
 protected:
  void refuse(const Words& extra, const std::string& message) const {
    expect_refused(train("out", extra), message);
  }
  void refuse_set(const std::string& assignment, const std::string& message) const {
    refuse(set({assignment}), message);
  }
  void refuse_data(const std::string& data, const Words& extra, const std::string& message) const {
    expect_refused(train_on(data, "out", extra), message);
  }

  std::string write_values(const std::string& name, const engine::Hdf5Shape& shape,
                           const std::vector<float>& values, const std::vector<std::int64_t>& labels) const {
    engine::Hdf5Writer writer;
    writer.write("/images", shape, values.data());
    if (!labels.empty()) writer.write("/labels", {static_cast<std::int64_t>(labels.size())}, labels.data());
    engine::write_file(at(name), writer);
    return at(name);
  }
};

TEST_F(TrainInputTest, NamesThatDoNotExist) {
  expect_refused({"train", "--recipe", "cifar10-mebm-k6", "--data", images_, "--out", at("out")},
                 "unknown recipe 'cifar10-mebm-k6'; nearest known recipe: cifar10-mebm-k");
  expect_refused({"train", "--data", images_, "--out", at("out")}, "name a --recipe or a --config file");
  expect_refused({"train", "--config", at("no.toml"), "--data", images_, "--out", at("out")},
                 "no.toml: cannot be read");
  expect_refused({"train", "--recipe", "cifar10-mebm-k5", "--out", at("out")}, "--data is required");
  expect_refused({"train", "--recipe", "cifar10-mebm-k5", "--data", images_}, "--out is required");
  refuse({"--recipee", "x"}, "unknown option '--recipee'; did you mean '--recipe'?");
  refuse_set("optimiser.learning_rate=1", "nearest known key: optimizer.learning_rate");
  refuse_set("sampler.stepsize=1", "nearest known key: sampler.step_size");
  refuse_set("sampler.steps", "sampler.steps");
}

TEST_F(TrainInputTest, ValuesThatDoNotFit) {
  refuse_set("optimizer.learning_rate=fast", "optimizer.learning_rate");
  refuse_set("optimizer.learning_rate=nan", "optimizer.learning_rate");
  refuse_set("run.epochs=1.5", "run.epochs");
  refuse_set("run.epochs=0", "run.epochs = 0 is out of range; allowed: 1 to 1000000");
  refuse_set("sampler.steps=-1", "sampler.steps = -1 is out of range");
  refuse_set("data.augment=maybe", "data.augment");
  refuse_set("init.kind=gausian", "nearest: gaussian");
  refuse_set("model.depth=12", "model.depth = 12 is not 6n + 4; nearest: 10 and 16");
  refuse_set("optimizer.milestones=[3, 2]", "optimizer.milestones = [3, 2] is not increasing");
  refuse_set("objective.energy_weight=-1", "objective.energy_weight");
  refuse(set({"objective.energy_weight=0", "objective.classifier_weight=0"}), "nothing to train");
  refuse(set({"model.energy=logsumexp", "objective.classifier_weight=0", "model.num_classes=0"}),
         "needs at least 2 classes");
  refuse_set("run.evaluate_every=1", "run.evaluate_every = 1 needs a validation split");
  refuse(set({"data.validation=64"}), "64");
  refuse({"--max-iterations", "-5"}, "--max-iterations -5");
  refuse({"--threads", "-2"}, "--threads -2 is outside 0 ... 4096");
  refuse({"--seed", "-1"}, "--seed");
}

TEST_F(TrainInputTest, PrecisionsAndDevicesThatAreNotThere) {
  refuse({"--precision", "bf16"}, "--precision bf16: not available on the CPU");
  refuse({"--precision", "fp16"}, "run.precision = \"fp16\"");
  refuse({"--device", "cuda"}, "--device cuda:0: ");
  refuse({"--device", "cuda:1"}, "cuda:1");
  refuse({"--device", "tpu"}, "--device tpu: unknown device");
  refuse_set("run.device=cuda", "--device cuda:0: ");
  refuse(set({"run.convolution=winograd", "run.precision=fp64"}),
         "run.convolution = \"winograd\" is for fp32 on the CPU, not for fp64; use auto");
}

TEST_F(TrainInputTest, DataThatIsMissingOrDamaged) {
  refuse_data(at("absent.h5"), {}, "absent.h5 does not exist");
  refuse_data(directory_.string(), {}, directory_.string());
  std::string bytes = bytes_of(images_);
  std::ofstream(at("short.h5"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  refuse_data(at("short.h5"), {}, "short.h5");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(at("flipped.h5"), std::ios::binary) << bytes;
  refuse_data(at("flipped.h5"), {}, "flipped.h5");
  std::ofstream(at("text.h5")) << "no images";
  refuse_data(at("text.h5"), {}, "text.h5");
  refuse_data(images_, set({"data.set=cifar10"}),
              images_ + ": is an images file, not cifar10; name the set images for it");
  refuse_data(images_, set({"data.set=mnist"}), images_);
  refuse_data(images_, set({"data.set=cifar"}), "nearest: cifar10");
}

TEST_F(TrainInputTest, ImagesAndLabelsThatDoNotFit) {
  std::vector<float> images = make_images(8);
  const std::vector<std::int64_t> labels{0, 1, 2, 3, 4, 5, 6, 7};
  refuse_data(write_values("rank.h5", {8, kPixels}, images, labels), {}, "expected [N, C, H, W]");
  refuse_data(write_values("wide.h5", {8, 3, 4, 16}, images, labels), {}, "are not square");
  refuse_data(write_values("small.h5", {32, 3, 4, 4}, images, {}), set({"objective.classifier_weight=0"}),
              "image");
  refuse_data(write_values("few.h5", {8, 3, 8, 8}, images, {0, 1, 2}), {}, "few.h5");
  refuse_data(write_values("negative.h5", {8, 3, 8, 8}, images, {0, 1, 2, 3, 4, 5, 6, -7}), {},
              "label -7 out of range");
  refuse_data(write_values("ten.h5", {8, 3, 8, 8}, images, {0, 1, 2, 3, 4, 5, 6, 10}), {},
              "model.num_classes = 10 is smaller than the 11 classes");
  refuse_data(write_images("unlabelled.h5", 8, false), {}, "unlabelled.h5: the set images has no labels");
  const std::vector<float> doubled = make_images(12);  // 18 images of two channels: no picture shows them
  expect_success(
      train_on(write_values("two.h5", {18, 2, 8, 8}, doubled, {}), "two",
               set({"objective.classifier_weight=0", "run.epochs=1", "run.iterations_per_epoch=1"})));
  images[300] = std::numeric_limits<float>::quiet_NaN();
  refuse_data(write_values("nan.h5", {8, 3, 8, 8}, images, labels), {}, "nan");
  images[300] = 17;
  refuse_data(write_values("bytes.h5", {8, 3, 8, 8}, images, labels), {}, "17");
}

TEST_F(TrainInputTest, BatchesLargerThanWhatTheyAreDrawnFrom) {
  const auto larger = [&](const std::string& assignment, int count) {
    return assignment + " is larger than the data set: images has " + std::to_string(count) +
           " images to train on (" + images_ + ")";
  };
  refuse(set({"data.batch_size=65", "buffer.size=100"}), larger("data.batch_size = 65", 64));
  refuse(set({"data.labelled_batch_size=65"}), larger("data.labelled_batch_size = 65", 64));
  refuse(set({"data.batch_size=64", "data.validation=1"}), larger("data.batch_size = 64", 63));
  refuse_set("buffer.size=3", "data.batch_size = 4 is larger than buffer.size = 3");
  expect_success(train("all", set({"data.batch_size=64", "data.labelled_batch_size=64", "run.epochs=1",
                                   "run.iterations_per_epoch=2"})));
  expect_success(train("full", set({"buffer.size=4", "run.epochs=1", "run.iterations_per_epoch=2"})));
  EXPECT_EQ(entry("full/checkpoints/iteration-0000002.h5", "/replay_buffer/images").shape[0], 4);
}

// Refused from the shapes alone, before the trial iteration, whose speed the plan would show.
TEST_F(TrainInputTest, RunsThatDoNotFitIntoMemory) {
  const auto refuse_large = [&](const Words& extra) {
    const RunResult result = run_engine(train("out", extra));
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, ::testing::MatchesRegex(
                                "mebm_engine: this run needs [0-9.e+]+ GB of memory, [0-9.e+]+ GB are "
                                "available; lower data.batch_size, buffer.size or model.width\n"));
    EXPECT_FALSE(exists("out"));
  };
  refuse_large(set({"model.width=64", "model.depth=994"}));
  refuse_large(set({"buffer.size=1073741824"}));
  refuse_large(set({"data.batch_size=1048576", "buffer.size=1048576", "model.width=8"}));
}

TEST_F(TrainInputTest, OutputsThatCannotBeWritten) {
  expect_success(train("other", set({"run.epochs=1", "run.iterations_per_epoch=2"})));
  const std::string before = bytes_of(checkpoint("other", 2)) + bytes_of(at("other/config.toml"));
  expect_refused(train("other"), "holds another run; continue it with --resume", "none");
  EXPECT_EQ(bytes_of(checkpoint("other", 2)) + bytes_of(at("other/config.toml")), before);
  expect_refused(train("images.h5"), at("images.h5") + " is a file, not a directory", "none");
  const std::string below = "images.h5/out";
  expect_refused(train(below), at("images.h5") + " is a file, not a directory");
  refuse_set("run.trace=" + at("absent/trace.h5"), "absent does not exist; create it");
  refuse_set("run.trace=/proc/trace.h5", "/proc");
  refuse_set("run.trace=" + directory_.string(), "is a directory");
  Words nowhere = train("out");
  for (std::string& word : nowhere)
    if (word == at("out")) word = "";
  expect_refused(nowhere, "--out '' is empty; give a value");
  for (std::string& word : nowhere)
    if (word.empty()) word = "/proc/mebm-run";
  expect_refused(nowhere, "/proc/mebm-run: the directory /proc cannot be written");
  // A parent that does not exist is made.
  expect_success(train("deep/er/out/", set({"run.epochs=1", "run.iterations_per_epoch=1"})));
  EXPECT_TRUE(exists("deep/er/out/checkpoints/iteration-0000001.h5"));
}

TEST_F(TrainInputTest, WeightsThatDoNotFit) {
  const std::string seven = write_model("seven.h5", {}, 7);
  refuse({"--weights", seven}, "7 classes");
  refuse({"--weights", at("absent.h5")}, "absent.h5");
  refuse({"--weights", images_}, "format");
  const auto network = make_network(engine::DType::fp32);
  network->parameters()[5]->value.as<float>()[3] = std::numeric_limits<float>::infinity();
  ebm::CheckpointContents contents;
  contents.model = network.get();
  ebm::write_checkpoint(at("infinite.h5"), contents);
  refuse({"--weights", at("infinite.h5")}, "weights must be finite");
  refuse({"--weights", seven, "--resume"}, "--resume and --weights exclude each other");
}

TEST_F(TrainInputTest, InitialDistributionsThatDoNotFit) {
  const ebm::UniformInitialDistribution other(context_, {3, 16, 16});
  ebm::write_initial_distribution(at("p0.h5"), "", other);
  refuse({"--initial-distribution", at("p0.h5")}, "is for images of 3x16x16");
  refuse({"--initial-distribution", at("absent.h5")}, "absent.h5");
  refuse({"--initial-distribution", write_model("m.h5")}, "there is no /initial_distribution group");
}

TEST_F(TrainInputTest, ResumptionsThatAreOtherRuns) {
  expect_refused(resume("out"), "does not exist; give the directory of a run");
  expect_success(train("run", set({"run.epochs=1", "run.iterations_per_epoch=4"})));
  const auto contents = [&] {
    return bytes_of(checkpoint("run", 4)) + bytes_of(at("run/config.toml")) +
           bytes_of(at("run/metrics.jsonl"));
  };
  const std::string before = contents();
  const auto refuse_resume = [&](const Words& extra, const std::string& message) {
    expect_refused(resume("run", extra), message, "none");
  };
  refuse_resume({"--recipe", "cifar10-mebm-k5"}, "leave out --recipe and --config");
  refuse_resume({"--config", at("run/config.toml")}, "leave out --recipe and --config");
  refuse_resume(set({"sampler.steps=5"}), "only [run] keys may differ, 'sampler.steps=5' is not one");
  refuse_resume(set({"run.log_evry=5"}), "nearest known key: run.log_every");
  refuse_resume(set({"run.seed=5"}), "the run's seed is 1");
  refuse_resume({"--seed", "2"}, "the run's seed is 1");
  refuse_resume({"--precision", "fp64"}, "the run's precision is fp32");
  refuse_resume(set({"run.precision=fp64"}), "the run's precision is fp32");
  refuse_resume(set({"run.epochs=0"}), "run.epochs = 0 is out of range");
  refuse_resume({"--device", "cuda"}, "--device cuda:0: ");
  refuse_resume(set({"run.trace=/proc/trace.h5"}), "/proc");
  EXPECT_EQ(contents(), before);
}

}  // namespace
}  // namespace mebm::testing
