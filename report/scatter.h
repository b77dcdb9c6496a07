#pragma once
// Scatter plots. The same numbers give the same pixels.

#include <string>
#include <vector>

#include "report/axes.h"
#include "report/legend.h"

namespace mebm::report {

// Points in the plane, coloured either by category or by a value. Points are drawn in a fixed scattered
// order, so that a group that comes last in the arrays does not cover the others.
struct ScatterPlot {
  AxisLabels labels;
  std::vector<double> x, y;  // [N]; a point that is not finite is left out
  // Category of each point, its colour and name in the legend; beyond kCategoryColors colours repeat.
  std::vector<int> categories;  // [N], or empty
  std::vector<std::string> category_names;
  // Or a value of each point, with a colour bar.
  std::vector<double> values;  // [N], or empty
  std::string value_label;
  // Marker of each point and what the markers mean; empty: discs.
  std::vector<int> markers;  // [N] of 0 ... kMarkers - 1, or empty
  std::vector<std::string> marker_names;
  int radius = 2;  // of a marker, pixels
  PlotSize size = {};
};

// Throws engine::Error unless there is a finite point, the arrays have equal lengths, exactly one of
// categories and values is given, and categories and markers have names.
Image draw_scatter(const ScatterPlot& plot);

}  // namespace mebm::report
