// Training runs that are killed at any moment and resumed end in the same bits as those left alone.
#include <csignal>
#include <random>
#include <thread>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainKillTest : public TrainTest {
 protected:
  enum class Moment { start, training, writing };

  struct Toll {
    int kills = 0, partial = 0, damaged_metrics = 0;
  };

  // Runs `arguments` and kills the process: at a random time after its start, after a new checkpoint, or as
  // soon as a checkpoint is half-written. False if the run ended first.
  bool run_and_kill(const Words& arguments, const std::string& out, Moment moment, std::mt19937& random) {
    const std::vector<int> before = checkpoints(out);
    Child child(arguments, at("log"));
    std::uniform_int_distribution<int> milliseconds(0, moment == Moment::start ? 150 : 40);
    if (moment == Moment::training)
      EXPECT_TRUE(eventually([&] { return checkpoints(out) != before || !child.running(); }));
    if (moment == Moment::writing)
      while (child.running() && !writing(out)) std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    if (!child.running()) return false;
    child.signal(SIGKILL);
    EXPECT_EQ(child.wait().status, 128 + SIGKILL);
    return true;
  }

  bool writing(const std::string& out) const {
    for (const std::string& name : partial_files(out))
      if (name.starts_with("iteration-") && name.ends_with(".h5.partial")) return true;
    return false;
  }

  // Starts the run and kills it `kills` times, resuming each time; then lets it finish.
  Toll kill_and_resume(const std::string& out, const Words& extra, int kills, std::uint32_t seed) {
    std::mt19937 random(seed);
    Toll toll;
    const Moment moments[] = {Moment::training, Moment::writing, Moment::start, Moment::writing};
    // The first checkpoint must be there before anything can be resumed.
    EXPECT_TRUE(run_and_kill(train(out, extra), out, Moment::training, random));
    for (toll.kills = 1; toll.kills < kills; ++toll.kills) {
      const bool killed = run_and_kill(resume(out), out, moments[toll.kills % 4], random);
      EXPECT_TRUE(killed) << "the run ended after " << toll.kills << " kills";
      if (!killed) break;
      toll.partial += writing(out) ? 1 : 0;
      const std::string lines = bytes_of(at(out) + "/metrics.jsonl");
      toll.damaged_metrics += lines.empty() || lines.back() == '\n' ? 0 : 1;
    }
    EXPECT_EQ(expect_success(resume(out)).status, 0);
    return toll;
  }
};

TEST_F(TrainKillTest, SixteenKillsChangeNoBit) {
  // A large buffer makes the writes long enough to be hit.
  const Words extra = set({"run.epochs=10", "run.checkpoint_every=5", "run.log_every=3", "buffer.size=4000"});
  expect_success(train("whole", extra));
  const Toll toll = kill_and_resume("killed", extra, 16, 1);
  EXPECT_EQ(toll.kills, 16);
  EXPECT_GE(toll.partial, 4);
  EXPECT_EQ(bytes_of(checkpoint("killed", 200)), bytes_of(checkpoint("whole", 200)));
  EXPECT_EQ(checkpoints("killed"), (std::vector<int>{190, 195, 200}));
  expect_logged("killed", 3, 199);
  for (const char* key : {"loss", "energy_positive", "energy_negative", "cross_entropy", "gradient_norm"})
    EXPECT_EQ(metrics("killed", key), metrics("whole", key)) << key;
  EXPECT_THAT(partial_files("killed"), ::testing::IsEmpty());
  RecordProperty("partial", toll.partial);
}

TEST_F(TrainKillTest, TwoThreads) {
  Words extra = set({"run.epochs=3", "run.checkpoint_every=5", "buffer.size=2000"});
  extra.insert(extra.end(), {"--threads", "2"});
  expect_success(train("whole", extra));
  const Toll toll = kill_and_resume("killed", extra, 5, 2);
  EXPECT_EQ(toll.kills, 5);
  EXPECT_EQ(bytes_of(checkpoint("killed", 60)), bytes_of(checkpoint("whole", 60)));
  expect_logged("killed", 1, 59);
  EXPECT_THAT(partial_files("killed"), ::testing::IsEmpty());
}

TEST_F(TrainKillTest, TerminationWritesACheckpoint) {
  const Words extra = set({"run.checkpoint_every=0"});
  expect_success(train("whole", extra));
  for (const int number : {SIGTERM, SIGINT}) {
    const std::string out = "stopped-" + std::to_string(number);
    Child child(train(out, extra), at("log"));
    ASSERT_TRUE(eventually([&] { return exists(out + "/metrics.jsonl") || !child.running(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    child.signal(number);
    const RunResult result = child.wait();
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.err, ::testing::HasSubstr("continue with --resume"));
    ASSERT_EQ(checkpoints(out).size(), 1u);
    ASSERT_LT(checkpoints(out)[0], 40);
    expect_success(resume(out));
    EXPECT_EQ(bytes_of(checkpoint(out, 40)), bytes_of(checkpoint("whole", 40)));
    expect_logged(out, 1, 39);
  }
}

}  // namespace
}  // namespace mebm::testing
