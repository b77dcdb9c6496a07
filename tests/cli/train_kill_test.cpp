// Training runs that are killed at any moment and resumed end in the same bits as those left alone.
#include <csignal>
#include <map>
#include <random>
#include <thread>

#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

class TrainKillTest : public TrainTest {
 protected:
  enum class Moment { start, training, writing };

  struct Toll {
    int kills = 0, writing = 0;  // writing: kills that left a new half-written checkpoint
  };
  // Half-written checkpoints by name and time of change.
  using Partial = std::map<std::string, std::filesystem::file_time_type>;

  Partial half_written(const std::string& out) const {
    Partial found;
    std::error_code error;
    for (const std::string& name : partial_files(out)) {
      if (!name.starts_with("iteration-") || !name.ends_with(".h5.partial")) continue;
      const auto time = std::filesystem::last_write_time(at(out) + "/checkpoints/" + name, error);
      if (!error) found[name] = time;
    }
    return found;
  }

  // Runs `arguments` and kills the process: at a random time after its start, after a new checkpoint, or as
  // soon as it writes one. False if the run ended first.
  bool run_and_kill(const Words& arguments, const std::string& out, Moment moment, std::mt19937& random,
                    Toll& toll) {
    const std::vector<int> finished = checkpoints(out);
    const Partial before = half_written(out);
    const auto writes = [&] {
      const Partial now = half_written(out);
      return !now.empty() && now != before;
    };
    Child child(arguments, at("log"));
    std::uniform_int_distribution<int> milliseconds(0, moment == Moment::start ? 150 : 15);
    if (moment == Moment::training) {
      EXPECT_TRUE(eventually([&] { return checkpoints(out) != finished || !child.running(); }));
    }
    if (moment == Moment::writing)
      while (!writes() && child.running()) std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    if (!child.running()) return false;
    child.signal(SIGKILL);
    EXPECT_EQ(child.wait().status, 128 + SIGKILL);
    ++toll.kills;
    toll.writing += writes() ? 1 : 0;
    return true;
  }

  // Starts the run and kills it `kills` times, resuming each time; then lets it finish.
  Toll kill_and_resume(const std::string& out, const Words& extra, int kills, std::uint32_t seed) {
    std::mt19937 random(seed);
    Toll toll;
    const Moment moments[] = {Moment::training, Moment::writing, Moment::start, Moment::writing};
    // The first checkpoint must be there before anything can be resumed.
    EXPECT_TRUE(run_and_kill(train(out, extra), out, Moment::training, random, toll));
    while (toll.kills < kills) {
      const bool killed = run_and_kill(resume(out), out, moments[toll.kills % 4], random, toll);
      EXPECT_TRUE(killed) << "the run ended after " << toll.kills << " kills";
      if (!killed) break;
    }
    EXPECT_EQ(expect_success(resume(out)).status, 0);
    return toll;
  }
};

TEST_F(TrainKillTest, FourteenKillsChangeNoBit) {
  // A large buffer makes the writes long enough to be hit.
  const Words extra = set({"data.batch_size=2", "data.labelled_batch_size=2", "run.epochs=7",
                           "run.checkpoint_every=3", "run.log_every=7", "buffer.size=4000"});
  expect_success(train("whole", extra));
  const Toll toll = kill_and_resume("killed", extra, 14, 1);
  EXPECT_EQ(toll.kills, 14);
  EXPECT_GE(toll.writing, 4);
  EXPECT_EQ(bytes_of(checkpoint("killed", 140)), bytes_of(checkpoint("whole", 140)));
  EXPECT_EQ(checkpoints("killed"), (std::vector<int>{135, 138, 140}));
  expect_logged("killed", 7, 139);
  for (const char* key : {"loss", "energy_positive", "energy_negative", "cross_entropy", "gradient_norm"})
    EXPECT_EQ(metrics("killed", key), metrics("whole", key)) << key;
  EXPECT_THAT(partial_files("killed"), ::testing::IsEmpty());
  RecordProperty("kills_inside_a_write", toll.writing);
}

TEST_F(TrainKillTest, TwoThreads) {
  Words extra = set({"data.batch_size=2", "data.labelled_batch_size=2", "run.epochs=2",
                     "run.checkpoint_every=2", "buffer.size=2000"});
  extra.insert(extra.end(), {"--threads", "2"});
  expect_success(train("whole", extra));
  const Toll toll = kill_and_resume("killed", extra, 4, 2);
  EXPECT_EQ(toll.kills, 4);
  EXPECT_EQ(bytes_of(checkpoint("killed", 40)), bytes_of(checkpoint("whole", 40)));
  expect_logged("killed", 1, 39);
  EXPECT_THAT(partial_files("killed"), ::testing::IsEmpty());
}

// The lock ends with the process, however it ends.
TEST_F(TrainKillTest, ADirectoryBelongsToOneRunAtATime) {
  const Words endless = set({"run.epochs=1000000", "run.checkpoint_every=0", "run.log_every=1000"});
  Child first(train("out", endless), at("log"));
  ASSERT_TRUE(eventually([&] { return exists("out/metrics.jsonl") || !first.running(); }));
  const auto listing = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(at("out")))
      names.insert(entry.path().string());
    return names;
  };
  const std::set<std::string> before = listing();
  expect_refused(resume("out"), "--out " + at("out") + ": another train is running there", "none");
  expect_refused(train("out"), "--out " + at("out"), "none");
  EXPECT_EQ(listing(), before);
  ASSERT_TRUE(first.running());
  first.signal(SIGKILL);
  first.wait();
  expect_success(resume("out", {"--max-iterations", "1"}));
}

// Both pass the first look at the directory; one gets it.
TEST_F(TrainKillTest, OfTwoRunsStartedTogetherOneIsRefused) {
  const Words endless = set({"run.epochs=1000000", "run.checkpoint_every=0", "run.log_every=1000"});
  Child a(train("out", endless), at("log-a")), b(train("out", endless), at("log-b"));
  ASSERT_TRUE(eventually([&] { return !a.running() || !b.running(); }));
  Child& loser = a.running() ? b : a;
  Child& winner = a.running() ? a : b;
  const RunResult result = loser.wait();
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(without_plan(result.err),
              ::testing::AnyOf(::testing::HasSubstr("another train is running there"),
                               ::testing::HasSubstr("holds another run")));
  EXPECT_TRUE(winner.running());
}

TEST_F(TrainKillTest, TerminationWritesACheckpoint) {
  const Words extra = set({"run.checkpoint_every=0"});
  expect_success(train("whole", extra));
  for (const int number : {SIGTERM, SIGINT}) {
    const std::string out = "stopped-" + std::to_string(number);
    Child child(train(out, extra), at("log"));
    ASSERT_TRUE(eventually([&] { return exists(out + "/metrics.jsonl") || !child.running(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
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
