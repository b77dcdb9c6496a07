// metrics.jsonl of runs that are whole, running, killed, damaged, or somebody's joke.
#include "report/metrics_log.h"

#include "tests/report/run_files.h"

namespace mebm::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using MetricsLogTest = mebm::testing::RunFilesTest;

TEST_F(MetricsLogTest, ReadsCurvesAndTheGap) {
  const MetricsLog log = read_metrics(write("metrics.jsonl",
                                            "{\"iteration\": 0, \"epoch\": 0, \"energy_positive\": 0.5, "
                                            "\"energy_negative\": 2, \"cross_entropy\": null}\n"
                                            "{\"iteration\": 9, \"epoch\": 1, \"energy_positive\": 1, "
                                            "\"energy_negative\": -3, \"validation_accuracy\": 0.5}\n"));
  EXPECT_TRUE(log.present);
  EXPECT_EQ(log.lines, 2);
  EXPECT_EQ(log.last_iteration, 9);
  EXPECT_EQ(log.find("energy_gap")->minimum(), -4);
  EXPECT_EQ(log.find("energy_gap")->maximum(), 1.5);
  EXPECT_EQ(log.find("validation_accuracy")->last_x(), 9);
  EXPECT_EQ(log.find("cross_entropy"), nullptr);  // applies to no line: no curve, no note
  EXPECT_EQ(log.find("nothing"), nullptr);
  EXPECT_THAT(log.notes, IsEmpty());
}

TEST_F(MetricsLogTest, ALastLineCutShortIsLeftOut) {
  const MetricsLog log = read_metrics(
      write("metrics.jsonl",
            "{\"iteration\": 0, \"loss\": 1}\n{\"iteration\": 10, \"loss\": 2}\n{\"iteration\": 20, \"lo"));
  EXPECT_EQ(log.lines, 2);
  EXPECT_THAT(log.notes, ElementsAre(HasSubstr("cut short")));
}

TEST_F(MetricsLogTest, AWholeLastLineNeedsNoLineFeed) {
  const MetricsLog log = read_metrics(write("metrics.jsonl", "{\"iteration\": 3, \"loss\": 1}"));
  EXPECT_EQ(log.lines, 1);
  EXPECT_THAT(log.notes, IsEmpty());
}

TEST_F(MetricsLogTest, DamageIsCountedAndPassed) {
  const MetricsLog log = read_metrics(
      write("metrics.jsonl", std::string("[1]\nnot json\n{\"loss\": 3}\n") +
                                 "{\"iteration\": \"x\"}\n{\"iteration\": 1e999}\n\n" +
                                 std::string(2 << 20, 'a') + "\n" + std::string(100000, '[') + "\n" +
                                 "{\"iteration\": 5, \"loss\": 1}\n"
                                 "{\"iteration\": 5, \"loss\": null}\n"));
  EXPECT_EQ(log.lines, 2);
  EXPECT_THAT(log.notes,
              ElementsAre(HasSubstr("6 lines of metrics.jsonl are no JSON object"),
                          HasSubstr("1 lines of metrics.jsonl are longer than 1 MiB"),
                          HasSubstr("repeat or go back 1 times"), HasSubstr("1 of 2 values of loss")));
}

TEST_F(MetricsLogTest, AbsentAndEmptyFilesAreSaid) {
  EXPECT_THAT(read_metrics(folder_ / "metrics.jsonl").notes, ElementsAre(HasSubstr("no metrics.jsonl")));
  EXPECT_THAT(read_metrics(folder_).notes, ElementsAre(HasSubstr("no metrics.jsonl")));  // a directory
  EXPECT_THAT(read_metrics(write("empty", "")).notes, ElementsAre(HasSubstr("no logged iteration yet")));
}

TEST_F(MetricsLogTest, KeysAreBounded) {
  std::string line = "{\"iteration\": 0";
  for (int i = 0; i < 500; ++i) line += ", \"k" + std::to_string(i) + "\": 1";
  const MetricsLog log = read_metrics(write("metrics.jsonl", line + "}\n"));
  EXPECT_EQ(log.curves.size(), std::size_t{kMostCurves});
  EXPECT_THAT(log.notes, ElementsAre(HasSubstr("more than 64 numbers")));
}

TEST_F(MetricsLogTest, LongRunsAreTakenTogetherAndSaid) {
  std::string text;
  for (int i = 0; i < 4000; ++i)
    text += "{\"iteration\": " + std::to_string(i) + ", \"loss\": " + std::to_string(i == 1717 ? 99 : i % 7) +
            "}\n";
  const MetricsLog log = read_metrics(write("metrics.jsonl", text));
  EXPECT_LE(log.find("loss")->buckets().size(), std::size_t{2 * Series::kLimit});
  EXPECT_EQ(log.find("loss")->maximum(), 99);
  EXPECT_THAT(log.notes, ElementsAre(HasSubstr("4000 logged iterations: up to 4 neighbours")));
}

}  // namespace
}  // namespace mebm::report
