// Run directories with and without their parts, and what of their images fits.
#include "report/run_summary.h"

#include "engine/core/error.h"
#include "tests/report/run_files.h"

namespace mebm::report {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RunSummaryTest : public mebm::testing::RunFilesTest {
 protected:
  void expect_refused(const std::filesystem::path& directory, const std::string& message) {
    try {
      read_run(directory, {}, 1000);
      ADD_FAILURE() << directory;
    } catch (const engine::InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }
};

TEST_F(RunSummaryTest, RefusesWhatIsNoRun) {
  expect_refused(folder_ / "absent", "no such directory");
  expect_refused(write("file", "x"), "is no directory");
  expect_refused(folder_, "holds neither config.toml nor metrics.jsonl");
}

TEST_F(RunSummaryTest, SaysWhatIsAbsent) {
  write("run/metrics.jsonl", "{\"iteration\": 0, \"loss\": 1}\n");
  const RunSummary run = read_run(folder_ / "run", {}, 1000);
  EXPECT_EQ(run.state, "not known");
  EXPECT_THAT(run.notes, Contains(HasSubstr("no config.toml")));
  EXPECT_THAT(run.notes, Contains(HasSubstr("no run.log")));
  EXPECT_THAT(run.notes, Contains(HasSubstr("no checkpoint")));
}

TEST_F(RunSummaryTest, TellsHowARunEnded) {
  write("run/config.toml", "");
  const auto state = [&](const std::string& log) {
    write("run/run.log", log);
    return read_run(folder_ / "run", {}, 1000).state;
  };
  EXPECT_EQ(
      state(
          "2026-01-01T00:00:00Z started at iteration 0 of 9\n2026-01-01T00:01:00Z finished at iteration 9\n"),
      "finished at iteration 9");
  EXPECT_EQ(state("2026-01-01T00:00:00Z started at iteration 0 of 9\n"),
            "started at iteration 0 of 9; no end recorded: still running, or killed");
  EXPECT_EQ(state("oneword"), "oneword");
}

TEST_F(RunSummaryTest, ADamagedCheckpointIsANote) {
  write("run/config.toml", "");
  write("run/checkpoints/iteration-0000002.h5", "no HDF5");
  write("run/checkpoints/iteration-0000010.h5", "no HDF5 either");
  const RunSummary run = read_run(folder_ / "run", {}, 1000);
  EXPECT_THAT(run.notes, Contains(HasSubstr("versions and machine are not known: ")));
  EXPECT_THAT(run.notes, Contains(HasSubstr("iteration-0000010.h5")));
}

TEST_F(RunSummaryTest, KeepsTheNewestIncidents) {
  write("run/config.toml", "");
  std::string text;
  for (int i = 0; i < 300; ++i) text += "{\"iteration\": " + std::to_string(i) + "}\n";
  write("run/incidents.jsonl", text);
  const RunSummary run = read_run(folder_ / "run", {}, 1000);
  EXPECT_EQ(run.incident_count, 300);
  ASSERT_EQ(run.incidents.size(), kMostIncidents);
  EXPECT_EQ(run.incidents.back(), "{\"iteration\": 299}");
}

TEST_F(RunSummaryTest, ImagesAreOrderedCheckedAndBounded) {
  write("run/config.toml", "");
  for (const int iteration : {100, 200, 300, 400, 1000})
    write("run/samples/iteration-000" + std::to_string(iteration) + ".png",
          png(67));  // 75 bytes: 100 in base64
  write("run/samples/notes.txt", "x");
  write("run/samples/iteration-0000500.png", "no image");
  write("run/analysis/tsne.png", png());
  std::filesystem::create_directories(folder_ / "run/samples/folder.png");
  const RunSummary all = read_run(folder_ / "run", {}, 10000);
  ASSERT_EQ(all.grids.images.size(), 5U);
  EXPECT_EQ(all.grids.images[0].iteration, 100);
  EXPECT_EQ(all.grids.images[4].iteration, 1000);
  EXPECT_EQ(all.figures.images[0].uri, "data:image/png;base64,iVBORw0KGgo=");
  EXPECT_THAT(all.notes, Contains(HasSubstr("1 files named *.png are no PNG images")));
  EXPECT_THAT(all.notes, Not(Contains(HasSubstr("are shown"))));
  const RunSummary few = read_run(folder_ / "run", {}, 460);
  ASSERT_EQ(few.grids.images.size(), 3U);
  EXPECT_EQ(few.grids.images[0].iteration, 100);
  EXPECT_EQ(few.grids.images[1].iteration, 300);
  EXPECT_EQ(few.grids.images[2].iteration, 1000);
  EXPECT_THAT(few.notes, Contains(HasSubstr("3 of 5 sample grids are shown")));
  EXPECT_LE(few.grids.bytes + few.figures.bytes, 460U);
}

TEST(SpreadOrder, TakesTheEndsFirst) {
  EXPECT_THAT(spread_order(0), ElementsAre());
  EXPECT_THAT(spread_order(1), ElementsAre(0U));
  EXPECT_THAT(spread_order(2), ElementsAre(1U, 0U));
  EXPECT_THAT(spread_order(9), ElementsAre(8U, 0U, 4U, 2U, 6U, 1U, 3U, 5U, 7U));
}

TEST(NameRuns, TellsRunsApart) {
  std::vector<RunSummary> runs(3);
  runs[0].directory = "/data/a/k5/";
  runs[1].directory = "/data/b/k5";
  runs[2].directory = "/data/b/k10";
  name_runs(runs);
  EXPECT_EQ(runs[0].name, "a/k5");
  EXPECT_EQ(runs[1].name, "b/k5");
  EXPECT_EQ(runs[2].name, "b/k10");
  runs.resize(1);
  name_runs(runs);
  EXPECT_EQ(runs[0].name, "k5");
}

}  // namespace
}  // namespace mebm::report
