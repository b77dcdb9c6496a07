// Runs that fail after they started leave their last checkpoint intact; damaged checkpoints are passed over.
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainFaultTest : public TrainTest {
 protected:
  static constexpr rlim_t kSmall = 200 * 1024;  // bytes; a checkpoint here has about 860 KiB

  ~TrainFaultTest() override {
    if (!mounted_.empty()) umount2(mounted_.c_str(), MNT_DETACH);
  }

  // Mounts a file system of `kilobytes` at `name`; false where this is not allowed.
  bool mount_small(const std::string& name, int kilobytes) {
    std::filesystem::create_directory(at(name));
    const std::string options = fmt::format("size={}k", kilobytes);
    if (mount("tmpfs", at(name).c_str(), "tmpfs", 0, options.c_str()) != 0) return false;
    mounted_ = at(name);
    return true;
  }

  // Exit status 1 with a last line that holds `message`.
  static void expect_failed(const RunResult& result, const std::string& message) {
    EXPECT_EQ(result.status, 1) << result.err;
    const std::string lines = without_plan(result.err);
    EXPECT_THAT(lines, ::testing::StartsWith("mebm_engine: "));
    EXPECT_THAT(lines, ::testing::HasSubstr(message));
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
  }

  std::string mounted_;
};

TEST_F(TrainFaultTest, AFileSizeLimitReachedLaterLeavesTheLastCheckpoint) {
  expect_success(train("whole"));
  Child child(train("out"), at("log"));
  ASSERT_TRUE(eventually([&] { return !checkpoints("out").empty() || !child.running(); }));
  const rlimit limit{kSmall, kSmall};
  ASSERT_EQ(prlimit(child.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  expect_failed(child.wait(), "file-size limit reached");
  ASSERT_FALSE(checkpoints("out").empty());
  EXPECT_LT(checkpoints("out").back(), 40);
  EXPECT_THAT(partial_files("out"), ::testing::IsEmpty());
  expect_success({"inspect", checkpoint("out", checkpoints("out").back()), "--verify"});
  expect_success(resume("out"));
  EXPECT_EQ(bytes_of(checkpoint("out", 40)), bytes_of(checkpoint("whole", 40)));
  expect_logged("out", 1, 39);
}

TEST_F(TrainFaultTest, ADiskThatFillsLaterLeavesTheLastCheckpoint) {
  if (!mount_small("disk", 6144)) GTEST_SKIP() << "file systems cannot be mounted here";
  expect_success(train("whole"));
  Child child(train("disk/out"), at("log"));
  ASSERT_TRUE(eventually([&] { return !checkpoints("disk/out").empty() || !child.running(); }));
  // Somebody else takes the rest.
  std::ofstream filler(at("disk/filler"), std::ios::binary);
  while (filler << std::string(4096, 'x') << std::flush) continue;
  filler.close();
  const RunResult result = child.wait();
  expect_failed(result, at("disk/out"));
  EXPECT_TRUE(result.err.find("disk full") != std::string::npos) << result.err;
  std::filesystem::remove(at("disk/filler"));
  expect_success(resume("disk/out"));
  EXPECT_EQ(bytes_of(checkpoint("disk/out", 40)), bytes_of(checkpoint("whole", 40)));
  expect_logged("disk/out", 1, 39);
}

TEST_F(TrainFaultTest, ADiskTooSmallForACheckpointIsFoundBeforehand) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{kSmall, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  expect_refused(train("out"), "file-size limit");
  setrlimit(RLIMIT_FSIZE, &before);
  if (!mount_small("disk", 512)) GTEST_SKIP() << "file systems cannot be mounted here";
  expect_refused(train("disk/out"), "disk too small", "disk/out");
}

TEST_F(TrainFaultTest, ADivergedRunSaysSoAndKeepsItsLastCheckpoint) {
  const Words early = set({"run.checkpoint_every=1", "optimizer.learning_rate=1e6",
                           "optimizer.warmup_iterations=0", "run.checkpoints_kept=9"});
  expect_failed(run_engine(train("out", early)), "diverged at iteration 1: loss ");
  EXPECT_EQ(checkpoints("out"), std::vector<int>{1});
  expect_success({"inspect", checkpoint("out", 1), "--verify"});
  expect_logged("out", 1, 0);
  expect_failed(run_engine(resume("out")), "lower optimizer.learning_rate");
  EXPECT_EQ(checkpoints("out"), std::vector<int>{1});
}

TEST_F(TrainFaultTest, DamagedNewestCheckpointsArePassedOver) {
  expect_success(train("whole"));
  const std::string whole = bytes_of(checkpoint("whole", 40));
  for (const bool truncated : {true, false}) {
    SCOPED_TRACE(truncated ? "truncated" : "bit flipped");
    const std::string out = truncated ? "truncated" : "flipped";
    std::filesystem::copy(at("whole"), at(out), std::filesystem::copy_options::recursive);
    std::string bytes = whole;
    if (truncated)
      bytes.resize(bytes.size() / 2);
    else
      bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 16);
    std::ofstream(checkpoint(out, 40), std::ios::binary) << bytes;
    // A shorter interval and one checkpoint kept: the damaged file must not push out the good ones.
    const RunResult result =
        expect_success(resume(out, set({"run.checkpoint_every=4", "run.checkpoints_kept=1"})));
    EXPECT_THAT(result.err, ::testing::HasSubstr("skipping a damaged checkpoint: " + checkpoint(out, 40)));
    EXPECT_EQ(checkpoints(out), std::vector<int>{40});
    expect_logged(out, 1, 39);
    EXPECT_EQ(read(out + "/checkpoints/iteration-0000040.h5", "/replay_buffer/images"),
              read("whole/checkpoints/iteration-0000040.h5", "/replay_buffer/images"));
  }
}

TEST_F(TrainFaultTest, DamagedCheckpointsAheadDoNotPushOutTheRunsOwn) {
  expect_success(train("out", set({"run.checkpoints_kept=2"})));
  std::ofstream(checkpoint("out", 40), std::ios::app) << "damage";
  Words short_run = resume("out", set({"run.checkpoint_every=2", "run.checkpoints_kept=1"}));
  short_run.insert(short_run.end(), {"--max-iterations", "34"});
  expect_success(short_run);
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{34, 40}));
  expect_success(resume("out"));
  EXPECT_EQ(checkpoints("out"), (std::vector<int>{40}));
  expect_success({"inspect", checkpoint("out", 40), "--verify"});
}

TEST_F(TrainFaultTest, NoReadableCheckpointNamesTheNewest) {
  expect_success(train("out", set({"run.epochs=1", "run.iterations_per_epoch=2"})));
  for (const int iteration : {0, 2}) std::ofstream(checkpoint("out", iteration), std::ios::app) << "damage";
  const RunResult result = run_engine(resume("out"));
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, ::testing::HasSubstr("no checkpoint of " + at("out") + " can be read"));
}

}  // namespace
}  // namespace mebm::testing
