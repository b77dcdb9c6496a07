// Which charts a page has, and their points.
#include "report/charts.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "tests/report/run_files.h"

namespace mebm::report {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

class ChartsTest : public mebm::testing::RunFilesTest {
 protected:
  RunSummary run(const std::string& name, const std::string& metrics, int iterations_per_epoch = 10) const {
    RunSummary made;
    made.name = name;
    made.metrics = read_metrics(write(name + ".jsonl", metrics));
    made.facts.iterations_per_epoch = iterations_per_epoch;
    return made;
  }

  static json data(const std::vector<RunSummary>& runs) {
    return json::parse(chart_data(runs, charts_for(runs)));
  }

  static json chart(const json& all, const std::string& id) {
    for (const json& each : all.at("charts"))
      if (each.at("id") == id) return each;
    return nullptr;
  }

  static std::vector<std::string> ids(const json& all) {
    std::vector<std::string> found;
    for (const json& each : all.at("charts")) found.push_back(each.at("id"));
    return found;
  }
};

TEST_F(ChartsTest, RunsShareACurveAndGapsStay) {
  const json all =
      data({run("a", "{\"iteration\": 0, \"loss\": 0.123456789}\n{\"iteration\": 10, \"loss\": null}\n"),
            run("b", "{\"iteration\": 5, \"loss\": -2}\n")});
  EXPECT_THAT(ids(all), ElementsAre("loss"));
  const json sets = chart(all, "loss").at("sets");
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0].at("run"), 0);
  EXPECT_EQ(sets[0].at("x"), json({0, 10}));
  EXPECT_EQ(sets[0].at("y"), json({0.1234568, nullptr}));
  EXPECT_EQ(sets[1].at("y"), json::array({-2}));
  EXPECT_FALSE(sets[0].contains("low"));
}

TEST_F(ChartsTest, EvaluationsAreDrawnOverEpochs) {
  const std::string lines = "{\"iteration\": 19, \"validation_accuracy\": 0.25, \"fd_ref\": 80}\n";
  const json both = data({run("a", lines, 10)});
  EXPECT_THAT(ids(both), ElementsAre("validation_accuracy", "fd_ref"));
  EXPECT_EQ(chart(both, "validation_accuracy").at("sets")[0].at("x"), json::array({2}));
  EXPECT_EQ(chart(both, "validation_accuracy").at("sets")[0].at("y"), json::array({25}));
  EXPECT_EQ(chart(both, "fd_ref").at("byEpoch"), true);
  // One run's epochs are not known: all are drawn over iterations.
  const json mixed = data({run("a", lines, 10), run("b", lines, 0)});
  EXPECT_EQ(chart(mixed, "fd_ref").at("byEpoch"), false);
  EXPECT_EQ(chart(mixed, "fd_ref").at("sets")[0].at("x"), json::array({19}));
}

TEST_F(ChartsTest, OtherNumbersGetChartsOfTheirOwn) {
  const std::vector<RunSummary> runs{run(
      "a", "{\"iteration\": 0, \"epoch\": 0, \"buffer_mean_age\": 3, \"fd_features\": 2, \"odd_one\": 1}\n")};
  const std::vector<ChartGroup> groups = charts_for(runs);
  const auto title_in = [&](const std::string& group) -> std::string {
    for (const ChartGroup& each : groups)
      if (each.title == group && each.charts.size() == 1) return each.charts[0].title;
    return "";
  };
  EXPECT_EQ(title_in("Replay buffer and chains"), "Buffer mean age");
  EXPECT_EQ(title_in("Quality by epoch"), "Fd features");
  EXPECT_EQ(title_in("Other figures"), "Odd one");
}

TEST_F(ChartsTest, BandsWhereNeighboursAreTakenTogether) {
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "{\"iteration\": " + std::to_string(i) +
            ", \"gradient_norm\": " + std::to_string(i % 2 == 0 ? 1 : 3) + "}\n";
  const json set = chart(data({run("a", text)}), "gradient_norm").at("sets")[0];
  EXPECT_EQ(set.at("per"), 2);
  EXPECT_EQ(set.at("y")[7], 2);
  EXPECT_EQ(set.at("low")[7], 1);
  EXPECT_EQ(set.at("high")[7], 3);
  EXPECT_EQ(set.at("x")[7], 14.5);
}

TEST_F(ChartsTest, AScaleIsLogarithmicWhereValuesArePositiveAndFarApart) {
  const auto logarithmic = [&](const std::string& values) {
    std::string text;
    int iteration = 0;
    for (const char value : values)
      text += fmt::format("{{\"iteration\": {}, \"gradient_norm\": {}}}\n", iteration++,
                          value == 'h' ? "11" : std::string(1, value));
    return chart(data({run("a", text)}), "gradient_norm").at("logarithmic").get<bool>();
  };
  EXPECT_TRUE(logarithmic("111h1"));
  EXPECT_FALSE(logarithmic("11191"));
  EXPECT_FALSE(logarithmic("101h1"));
}

TEST_F(ChartsTest, IncidentsAndReliabilityGoAlong) {
  RunSummary made = run("a", "");
  made.incidents = {R"({"iteration": 7})", "damaged", R"({"iteration": "7"})"};
  made.evaluation = R"({"calibration": {"bins": [{"count": 4, "confidence": 0.5, "accuracy": 0.75}]}})";
  const json all = data({made});
  EXPECT_EQ(all.at("runs")[0].at("incidents"), json::array({7}));
  EXPECT_EQ(all.at("reliability")[0].at("label"), "calibration");
  EXPECT_EQ(all.at("reliability")[0].at("bins"), json::parse("[[0.5, 0.75, 4]]"));
}

}  // namespace
}  // namespace mebm::report
