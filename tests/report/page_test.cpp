// The whole page: self-contained, escaped, and complete where runs are not.
#include "report/page.h"

#include "report/assets.h"
#include "tests/report/run_files.h"

namespace mebm::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PageTest : public mebm::testing::RunFilesTest {
 protected:
  std::string page_of(const std::vector<std::string>& names, const RunFacts& facts = {}) const {
    std::vector<RunSummary> runs;
    for (const std::string& name : names) runs.push_back(read_run(folder_ / name, facts, 100000));
    name_runs(runs);
    return report_page(runs, {"1.2.3", "2026-01-02T03:04:05Z"});
  }
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Assets, AreEmbeddedWhole) {
  EXPECT_THAT(std::string(chart_js().substr(0, 40)), HasSubstr("Chart.js v3"));
  EXPECT_THAT(std::string(chart_js().substr(0, 200)), HasSubstr("Released under the MIT License"));
  EXPECT_THAT(std::string(chart_js()), HasSubstr("window.Chart="));
  EXPECT_TRUE(report_script().ends_with("})();\n"));
  EXPECT_TRUE(report_style().ends_with("}\n"));
  EXPECT_THAT(std::string(chart_js_licence()), HasSubstr("Permission is hereby granted, free of charge"));
  for (const std::string_view script : {chart_js(), report_script()})
    EXPECT_EQ(script.find("</script"), std::string_view::npos);
}

TEST_F(PageTest, LoadsNothing) {
  write("run/metrics.jsonl", "{\"iteration\": 0, \"loss\": 1}\n");
  const std::string page = page_of({"run"});
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* forbidden : {" src=\"http", " href=\"http", "@import", "url(", "<link", "<iframe"})
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
  EXPECT_THAT(page, HasSubstr("mebm_engine 1.2.3 report, 2026-01-02T03:04:05Z"));
}

TEST_F(PageTest, HostileTextStaysText) {
  const std::string evil = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)>";
  const std::string json_evil = "</script><script>document.title='pwned'</script>";
  write("run/config.toml", "# " + evil);
  write("run/run.log", "2026-01-01T00:00:00Z " + evil);
  write("run/metrics.jsonl", "{\"iteration\": 0, \"loss\": 1, \"" + json_evil + "\": 2}\n");
  write("run/evaluation.json", "{\"" + json_evil + "\": \"" + json_evil + "\"}");
  write("run/incidents.jsonl",
        "{\"iteration\": 0, \"" + json_evil + "\": \"" + json_evil + "\"}\n" + evil + "\n");
  write("run/analysis/<img src=x onerror=alert(1)>.png", png());
  RunFacts facts;
  facts.recipe = facts.method = facts.problem = evil;
  facts.published = PublishedFigures{evil, 1, 2, 3, 4};
  const std::string page = page_of({"run"}, facts);
  EXPECT_THAT(page, Not(HasSubstr("<script>document")));
  EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
  EXPECT_EQ(count(page, "<script"), 3U);  // data, Chart.js, ours
  EXPECT_EQ(count(page, "</script>"), 3U);
}

TEST_F(PageTest, RunsAreOverlaidAndKeepSectionsOfTheirOwn) {
  write("a/metrics.jsonl", "{\"iteration\": 0, \"loss\": 1}\n");
  write("b/metrics.jsonl", "{\"iteration\": 0, \"loss\": 2}\n");
  const std::string page = page_of({"a", "b"});
  EXPECT_EQ(count(page, "<canvas"), 1U);
  EXPECT_THAT(page, HasSubstr("id=\"r0\""));
  EXPECT_THAT(page, HasSubstr("id=\"r1\""));
  EXPECT_THAT(page, HasSubstr("<title>a, b – mebm_engine report</title>"));
}

TEST_F(PageTest, ThePublishedRowStandsBesideOurs) {
  write(
      "run/metrics.jsonl",
      "{\"iteration\": 0, \"seconds\": 2}\n{\"iteration\": 9, \"seconds\": 4, \"validation_accuracy\": 0.5}\n"
      "{\"iteration\": 10, \"seconds\": 4}\n");
  RunFacts facts;
  facts.published = PublishedFigures{"Table 9, row K = 5", 93.5, 0, 22.7, 5.4};
  const std::string page = page_of({"run"}, facts);
  EXPECT_THAT(page, HasSubstr("Table 9, row K = 5"));
  EXPECT_THAT(
      page,
      HasSubstr(
          "<td>93.5 %</td><td><div>50 % <span class=\"muted\">validation, iteration 10</span></div></td>"));
  EXPECT_THAT(page, HasSubstr("FID</th><td>22.7</td><td>–</td>"));
  EXPECT_THAT(page, HasSubstr("Inception score</th><td>–</td><td>–</td>"));
  EXPECT_THAT(page, HasSubstr("<td>5.4</td><td>26</td>"));  // 390 iterations of 4 s
}

TEST_F(PageTest, EmptyRunsSayWhatIsAbsent) {
  write("run/config.toml", "");
  const std::string page = page_of({"run"});
  for (const char* text : {"no metrics.jsonl: no curves", "samples/ holds no grid yet", "No evaluation.json",
                           "metrics.jsonl has no validation accuracy, FD-ref or FID"})
    EXPECT_THAT(page, HasSubstr(text));
  EXPECT_EQ(count(page, "<canvas"), 0U);
}

}  // namespace
}  // namespace mebm::report
