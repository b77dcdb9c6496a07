// Peers that answer, refuse, die and talk nonsense, as shell scripts.
#include "measure/peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/core/error.h"
#include "measure/comparison.h"

namespace mebm::testing {
namespace {

using measure::Peer;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

Words shell(const std::string& script) {
  return {"sh", "-c", script, "peer"};
}

template <typename Failure, typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no such failure";
}

std::string refusal(const Words& words) {
  return message_of<engine::InputError>([&] { Peer("peer", words, {}); });
}

constexpr const char* kHonest =
    "echo '{\"ready\": true}'; while read n; do echo 0.$n; done; echo '{\"peak_bytes\": 7}'";

TEST(Peer, AnswersEveryBlockAndReports) {
  Peer peer("peer", shell(kHonest), {});
  EXPECT_EQ(peer.run(5), 0.5);
  EXPECT_EQ(peer.run(25), 0.25);
  EXPECT_EQ(peer.finish(), "{\"peak_bytes\": 7}");
}

TEST(Peer, GetsItsArgumentsAndTheEnvironmentAlone) {
  Peer peer("peer",
            shell("echo \"{\\\"said\\\": \\\"$1 $WORD $HOME\\\"}\"; read n; echo 1; cat; echo "
                  "\"{\\\"said\\\": \\\"$1 $WORD $HOME\\\"}\""),
            {"WORD=given", "PATH=/usr/bin:/bin"});
  EXPECT_EQ(peer.run(1), 1);
  EXPECT_EQ(peer.finish(), "{\"said\": \"--interactive given \"}");
}

TEST(Peer, OneThatCannotBeRunIsBadInput) {
  EXPECT_THAT(refusal({"/nowhere/python3"}), HasSubstr("peer: cannot run /nowhere/python3: No such file"));
  EXPECT_THAT(refusal(shell("echo '{\"error\": \"has no torch\"}'; exit 3")),
              HasSubstr("peer: has no torch"));
  EXPECT_THAT(refusal(shell("echo first >&2; echo no luck >&2; exit 4")),
              HasSubstr("ended before it was set up (exit status 4: no luck)"));
  EXPECT_THAT(refusal(shell("echo hello")), HasSubstr("is no such peer; it said: hello"));
}

TEST(Peer, OneThatDiesIsARunThatFailed) {
  Peer peer("peer", shell("echo '{}'; read n; echo 0.5; read n; echo out of luck >&2; exit 7"), {});
  EXPECT_EQ(peer.run(3), 0.5);
  EXPECT_THAT(message_of<engine::Error>([&] { peer.run(1); }),
              HasSubstr("peer: ended after 3 iterations (exit status 7: out of luck)"));
}

TEST(Peer, OneThatIsKilledIsARunThatFailed) {
  Peer peer("peer", shell("echo '{}'; read n; kill -9 $$"), {});
  EXPECT_THAT(message_of<engine::Error>([&] { peer.run(1); }), HasSubstr("after 0 iterations (signal 9)"));
}

TEST(Peer, NonsenseIsARunThatFailed) {
  for (const std::string answer : {"soon", "-1", "0", "nan", "inf", "1 2", ""}) {
    Peer peer("peer", shell("echo '{}'; read n; echo '" + answer + "'"), {});
    EXPECT_THAT(message_of<engine::Error>([&] { peer.run(1); }), HasSubstr("it said: " + answer)) << answer;
  }
  Peer silent("peer", shell("echo '{}'; cat >/dev/null"), {});
  EXPECT_THAT(message_of<engine::Error>([&] { silent.finish(); }), HasSubstr("ended without a report"));
}

TEST(Peer, GoesWithItsOwner) {
  // Waits for an end of its input that never comes; the destructor must not.
  Peer peer("peer", shell("echo '{}'; sleep 1000"), {});
}

TEST(Comparison, RatiosAreOfMediansAndOfPairs) {
  const measure::Times ours{{1, 2, 4}};
  const measure::PeerFigures peer{{{3, 4, 4}}, "{}"};
  EXPECT_EQ(peer.ratio(ours), 2);           // 4 / 2
  EXPECT_EQ(peer.ratio_of_pairs(ours), 2);  // of 3, 2, 1
  EXPECT_EQ(ours.minimum(), 1);
}

TEST(Comparison, EveryIterationIsAPair) {
  measure::StepOptions step;
  step.depth = 10;
  step.width = 1;
  step.size = 8;
  step.k = 1;
  step.batch = 2;
  measure::Extent extent;
  extent.iterations = 3;
  extent.warmup = 2;
  const measure::PeerCommand honest{"peer", shell(kHonest), {}};
  const measure::StepFigures figures = measure::measure_step(step, extent, {honest, honest});
  EXPECT_EQ(figures.times.seconds.size(), 3u);
  ASSERT_EQ(figures.peers.size(), 2u);
  for (const measure::PeerFigures& peer : figures.peers) {
    EXPECT_EQ(peer.times.seconds, (std::vector<double>{0.1, 0.1, 0.1}));
    EXPECT_EQ(peer.report, "{\"peak_bytes\": 7}");
  }
  EXPECT_GT(figures.share_of_floor(), 0);
}

TEST(Comparison, StopsWhenTheTimeIsSpent) {
  measure::StepOptions step;
  step.depth = 10;
  step.width = 1;
  step.size = 8;
  step.k = 1;
  step.batch = 2;
  measure::Extent extent;
  extent.iterations = 1000;
  extent.warmup = 0;
  extent.seconds = 1.5;
  const measure::PeerCommand slow{"peer", shell("echo '{}'; while read n; do echo 1; done; echo '{}'"), {}};
  EXPECT_EQ(measure::measure_step(step, extent, {slow}).times.seconds.size(), 2u);
}

}  // namespace
}  // namespace mebm::testing
