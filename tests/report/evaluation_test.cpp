// JSON of unknown shape as tables, escaped; reliability diagrams wherever they stand.
#include "report/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mebm::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kEvaluation = R"({
  "accuracy": 0.875, "protocol": "N = 10000 & <b>truncated</b>", "nothing": null,
  "running": {"reliability": {"ece": 0.03125, "bins": [
    {"count": 0, "confidence": 0, "accuracy": 0}, {"count": 3, "confidence": 0.25, "accuracy": 0.5}]}},
  "rows": [{"samples": "fresh", "fid": 20.5}, {"samples": "reference", "is": 7}],
  "list": [1, 2, 3]
})";

TEST(Evaluation, IsShownAsTables) {
  const std::string html = json_as_html(kEvaluation).value();
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">accuracy</th><td>0.875</td>"));
  EXPECT_THAT(html, HasSubstr("N = 10000 &amp; &lt;b&gt;truncated&lt;/b&gt;"));
  EXPECT_THAT(html, HasSubstr("2 bins, drawn as a reliability diagram"));
  EXPECT_THAT(html,
              HasSubstr("<th scope=\"col\">samples</th><th scope=\"col\">fid</th><th scope=\"col\">is</th>"));
  EXPECT_THAT(html, HasSubstr("<td>fresh</td><td>20.5</td><td></td>"));
  EXPECT_THAT(html, HasSubstr("<td>1, 2, 3</td>"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
}

TEST(Evaluation, ReliabilityDiagramsAreFound) {
  const std::vector<Reliability> found = find_reliability(kEvaluation);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].label, "running");
  ASSERT_EQ(found[0].bins.size(), 1U);  // the empty bin is left out
  EXPECT_EQ(found[0].bins[0].confidence, 0.25);
  EXPECT_EQ(found[0].bins[0].accuracy, 0.5);
  EXPECT_EQ(found[0].bins[0].count, 3);
}

TEST(Evaluation, ADiagramIsNamedByItsPlace) {
  EXPECT_EQ(
      find_reliability(R"({"a": {"b": {"bins": [{"count": 1, "confidence": 1, "accuracy": 1}]}}})")[0].label,
      "a b");
}

TEST(Evaluation, AnythingElseIsNoDiagram) {
  for (const char* text :
       {"", "{", "[1]", R"({"bins": []})", R"({"bins": [1]})", R"({"bins": [{"count": "x"}]})"})
    EXPECT_TRUE(find_reliability(text).empty()) << text;
}

TEST(Evaluation, NoJsonIsNoTable) {
  EXPECT_EQ(json_as_html("{\"accuracy\": 0.8"), std::nullopt);
  EXPECT_EQ(json_as_html(""), std::nullopt);
}

TEST(Evaluation, FiguresHaveTheSamplesTheyAreOf) {
  const char* text = R"({"accuracy": 0.875, "fid": "none", "distances": [
    {"samples": "fresh", "count": 2000, "fid": 20.5, "protocol": "clean", "is": {"mean": 7, "deviation": 0.5}},
    {"samples": "fresh", "count": 2000, "fd_ref": 3, "is": {"mean": 2, "deviation": 0.5}}, 5]})";
  ASSERT_EQ(figures_of(text, "accuracy").size(), 1U);
  EXPECT_EQ(figures_of(text, "accuracy")[0].value, 0.875);
  EXPECT_EQ(figures_of(text, "accuracy")[0].label, "");
  ASSERT_EQ(figures_of(text, "fid").size(), 1U);
  EXPECT_EQ(figures_of(text, "fid")[0].label, "fresh, N = 2000");
  ASSERT_EQ(figures_of(text, "is").size(), 1U);  // the other one is of other features
  EXPECT_EQ(figures_of(text, "is")[0].value, 7);
  EXPECT_EQ(figures_of(text, "is")[0].deviation, 0.5);
  EXPECT_TRUE(figures_of("{", "fid").empty());
  EXPECT_TRUE(figures_of("[]", "fid").empty());
}

TEST(Evaluation, FewRowsOfManyKeysStandSideBySide) {
  const std::string html =
      json_as_html(R"([{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":{"mean":7,"deviation":0.25}},{"a":8}])")
          .value();
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">a</th><td>1</td><td>8</td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">g</th><td>7 ± 0.25</td><td></td>"));
}

TEST(Evaluation, DepthAndLengthAreBounded) {
  std::string deep = "1";
  for (int i = 0; i < 10000; ++i) deep = "{\"a\": " + deep + "}";
  EXPECT_THAT(json_as_html(deep).value(), HasSubstr("…"));
  std::string rows = "[";
  for (int i = 0; i < 1000; ++i) rows += std::string(i > 0 ? "," : "") + "{\"i\": " + std::to_string(i) + "}";
  const std::string html = json_as_html(rows + "]").value();
  EXPECT_THAT(html, HasSubstr("800 more rows are left out"));
  EXPECT_THAT(html, Not(HasSubstr("<td>200</td>")));
}

TEST(Incidents, AreATable) {
  const std::string html = json_lines_as_html(std::vector<std::string>{
      R"({"iteration": 12, "what": "<i>loss</i>"})", "cut {", R"({"iteration": 30})"});
  EXPECT_THAT(html, HasSubstr("<td>12</td><td>&lt;i&gt;loss&lt;/i&gt;</td>"));
  EXPECT_THAT(html, HasSubstr("<td>cut {</td>"));
}

}  // namespace
}  // namespace mebm::report
