// report: pages of runs; what is no run is refused; a training run ends with its own page.
#include "tests/cli/train_test_util.h"

namespace mebm::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class ReportTest : public TrainTest {
 protected:
  void make_run(const std::string& name) const {
    std::filesystem::create_directories(at(name));
    std::ofstream(at(name + "/metrics.jsonl"))
        << "{\"iteration\": 0, \"loss\": 1.5}\n{\"iteration\": 10, \"lo";
  }

  void expect_report_refused(const Words& arguments, const std::string& message) const {
    Words words{"report"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    expect_bad_input(words, message, "run/report.html");
  }
};

TEST_F(ReportTest, ATrainingRunEndsWithItsPage) {
  const RunResult trained = expect_success(train("out", {"--max-iterations", "3"}));
  EXPECT_THAT(trained.err, HasSubstr("report      " + at("out/report.html") + "\n"));
  const std::string page = bytes_of(at("out/report.html"));
  EXPECT_THAT(page, HasSubstr("finished at iteration 3"));
  EXPECT_THAT(page, HasSubstr("<td>3 of 40</td>"));
  EXPECT_THAT(page, HasSubstr("M-JEM, K = 2, WRN-10-1"));
  EXPECT_THAT(page, HasSubstr("<img alt=\"iteration 3\" src=\"data:image/png;base64,iVBORw0KGgo"));
  EXPECT_THAT(page, ContainsRegex("<th scope=\"row\">engine_version</th><td>[0-9]"));
  EXPECT_THAT(page, HasSubstr("<th scope=\"row\">precision</th><td>fp32</td>"));
  EXPECT_THAT(page, HasSubstr("steps = 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("is not understood")));
}

TEST_F(ReportTest, APageThatCannotBeWrittenFailsNoRun) {
  std::filesystem::create_directories(at("out/report.html"));
  const RunResult trained = expect_success(train("out", {"--max-iterations", "1"}));
  EXPECT_THAT(trained.err, HasSubstr("note        the report was not written: "));
  EXPECT_TRUE(exists("out/checkpoints/iteration-0000001.h5"));
}

TEST_F(ReportTest, WritesBesideTheFirstRunOrWhereAsked) {
  make_run("run");
  make_run("other");
  const RunResult result = expect_success({"report", at("run"), at("other")});
  EXPECT_THAT(result.out, ContainsRegex("^report +[^ ]*/run/report.html \\(.*B\\)\n$"));
  const std::string page = bytes_of(at("run/report.html"));
  EXPECT_THAT(page, HasSubstr(">other</a>"));
  EXPECT_THAT(page, HasSubstr("cut short"));
  expect_success({"report", at("run"), "--out", at("page.html"), "--image-megabytes", "0"});
  EXPECT_TRUE(exists("page.html"));
}

TEST_F(ReportTest, RefusesBadInput) {
  make_run("run");
  std::filesystem::create_directories(at("empty"));
  expect_report_refused({}, "runs is required");
  expect_report_refused({at("absent")}, "no such directory; give the --out of a train");
  expect_report_refused({at("run/metrics.jsonl")}, "is no directory");
  expect_report_refused({at("run"), at("empty")}, "empty: holds neither config.toml nor metrics.jsonl");
  expect_report_refused({at("run"), at("run") + "/."}, "are one directory; give it once");
  expect_report_refused({at("run"), "--image-megabytes", "-1"}, "--image-megabytes -1 is outside 0 ... 1024");
  expect_report_refused({at("run"), "--out", at("none/page.html")}, "none");
  expect_report_refused({at("run"), "--ouf", "x"}, "did you mean");
}

TEST_F(ReportTest, AConfigurationOfAnotherVersionIsShownAsItIs) {
  make_run("run");
  std::ofstream(at("run/config.toml")) << "[future]\nkey = 1\n";
  expect_success({"report", at("run")});
  const std::string page = bytes_of(at("run/report.html"));
  EXPECT_THAT(page, HasSubstr("config.toml is not understood by this version"));
  EXPECT_THAT(page, HasSubstr("[future]\nkey = 1\n"));
}

}  // namespace
}  // namespace mebm::testing
