// What does and what does not depend on the number of threads, the logging and the cadence of checkpoints.
#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainBitsTest : public TrainTest {
 protected:
  static Words threads(int count) { return {"--threads", std::to_string(count)}; }
};

TEST_F(TrainBitsTest, EveryRandomChoiceIsTheSameForEveryNumberOfThreads) {
  for (int count : {1, 2, 3}) {
    const std::string name = "trace" + std::to_string(count) + ".h5";
    Words extra = set({"run.epochs=1", "run.iterations_per_epoch=3", "buffer.reinit_probability=0.5",
                       "sampler.noise=0.01", "data.augment_positives=true", "run.trace=" + at(name)});
    const Words option = threads(count);
    extra.insert(extra.end(), option.begin(), option.end());
    expect_success(train("run" + std::to_string(count), extra));
    if (count == 1) continue;
    for (const std::string iteration : {"0", "1", "2"})
      for (const std::string key :
           {"buffer_index", "restart", "positive_index", "labelled_index", "crop", "initial_draw", "noise"}) {
        const std::string path = "/iteration/" + iteration + "/" + key;
        const std::vector<double> values = read(name, path);
        EXPECT_FALSE(values.empty());
        // Normal numbers go through vectorised functions; nothing in them depends on threads either.
        EXPECT_EQ(values, read("trace1.h5", path)) << count << " threads, " << path;
      }
    // The first forward pass, its chains included, before any weight gradient has been rounded.
    for (const std::string key : {"loss", "energy_positive", "energy_negative", "cross_entropy"})
      EXPECT_EQ(read(name, "/iteration/0/" + key), read("trace1.h5", "/iteration/0/" + key)) << key;
  }
}

TEST_F(TrainBitsTest, ForwardValuesGradientsAndChainsAreTheSameForEveryNumberOfThreads) {
  const std::string model = write_model("m.h5");
  for (const int count : {1, 2, 3}) {
    const std::string score = "score" + std::to_string(count) + ".h5",
                      chains = "chains" + std::to_string(count) + ".h5";
    Words words{"score",        "--checkpoint", model,       "--images",
                images_,        "--out",        at(score),   "--input-gradient",
                "--batch-norm", "batch",        "--threads", std::to_string(count)};
    expect_success(words);
    expect_success({"sample", "--checkpoint", model, "--count", "64", "--init", "uniform", "--steps", "5",
                    "--noise", "0", "--step-size", "0.1", "--out", at(chains), "--threads",
                    std::to_string(count)});
    if (count == 1) continue;
    for (const std::string path : {"/energy", "/logits", "/features", "/input_gradient"})
      EXPECT_EQ(read(score, path), read("score1.h5", path)) << count << " threads, " << path;
    EXPECT_EQ(read(chains, "/images"), read("chains1.h5", "/images")) << count << " threads";
  }
}

TEST_F(TrainBitsTest, LoggingAndCheckpointsDoNotChangeTheBits) {
  const Words half{"--max-iterations", "15"};
  expect_success(train("whole"));
  expect_success(train("out", half));
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{10, 15}));
  expect_success(resume("out", set({"run.log_every=7", "run.checkpoint_every=4", "run.sample_every=9"})));
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{32, 36, 40}));
  for (const std::string path : {"/replay_buffer/images", "/replay_buffer/ages",
                                 "/model/parameters/f.conv1.weight", "/model/buffers/f.bn1.running_var",
                                 "/optimizer/momentum/class_output.weight", "/initial_distribution/factor"})
    EXPECT_EQ(read("out/checkpoints/iteration-0000040.h5", path),
              read("whole/checkpoints/iteration-0000040.h5", path))
        << path;
  // With the settings it had, the file is the same byte for byte.
  expect_success(train("again", half));
  expect_success(resume("again"));
  EXPECT_EQ(bytes_of(checkpoint("again", 40)), bytes_of(checkpoint("whole", 40)));
}

TEST_F(TrainBitsTest, AnotherNumberOfThreadsIsSaidToRoundDifferently) {
  expect_success(train("out", {"--max-iterations", "5"}));
  const RunResult same = expect_success(resume("out", {"--max-iterations", "6"}));
  EXPECT_THAT(same.err, ::testing::Not(::testing::HasSubstr("bit-identical")));
  const RunResult other = expect_success(resume("out", {"--max-iterations", "7", "--threads", "2"}));
  EXPECT_THAT(other.err, ::testing::HasSubstr("used 1 threads, now 2"));
  EXPECT_THAT(other.err, ::testing::HasSubstr("not bit-identical"));
}

TEST_F(TrainBitsTest, MaxIterationsCountsTheRunsTotal) {
  expect_success(train("out", {"--max-iterations", "5"}));
  expect_success(resume("out", {"--max-iterations", "8"}));
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{5, 8}));
  // Nothing left to do: the files stay as they are.
  const std::string before = bytes_of(checkpoint("out", 8));
  expect_success(resume("out", {"--max-iterations", "8"}));
  expect_success(resume("out", {"--max-iterations", "3"}));
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{5, 8}));
  EXPECT_EQ(bytes_of(checkpoint("out", 8)), before);
  expect_logged("out", 1, 7);
}

}  // namespace
}  // namespace mebm::testing
