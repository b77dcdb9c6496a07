#pragma once
// Which curves the report draws, and their points as the page's script reads them.

#include <span>
#include <string>
#include <vector>

#include "report/run_summary.h"

namespace mebm::report {

// One line of a chart: a key of metrics.jsonl.
struct ChartLine {
  std::string key;
  std::string label;    // "" where the chart has one line
  bool dashed = false;  // tells the second line of a run from its first
};

struct Chart {
  std::string id, title, unit;  // the unit, "" = none
  std::string note;             // one sentence below the title
  std::vector<ChartLine> lines;
  double scale = 1;          // what values are multiplied by
  bool by_epoch = false;     // drawn over epochs, points marked
  bool logarithmic = false;  // starts so where values are positive and one is ten times the median
};

struct ChartGroup {
  std::string title;
  std::vector<Chart> charts;
  std::string absent;  // said where no run has any of them; "" = then the group is left out
};

// The charts that at least one run has values for; numbers of metrics.jsonl that are not known by name get a
// chart of their own.
std::vector<ChartGroup> charts_for(std::span<const RunSummary> runs);

// JSON of the page's script: {"runs": [{"name", "iterationsPerEpoch", "incidents"}], "charts": [{"id",
// "title", "unit", "byEpoch", "logarithmic", "sets": [{"run", "label", "dashed", "x", "y", "low", "high",
// "per"}]}], "reliability": [{"run", "label", "bins"}]}. `x` are iterations, or epochs; a y of null is a gap;
// low and high are there where `per` > 1 points share one. Not escaped for a <script>.
std::string chart_data(std::span<const RunSummary> runs, std::span<const ChartGroup> groups);

}  // namespace mebm::report
