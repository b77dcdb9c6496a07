#pragma once
// Scatter plots and histograms as pictures. Deterministic: the same numbers give the same pixels.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/axes.h"

namespace mebm::report {

struct PlotSize {
  int width = 560, height = 480;  // of the area within the axes, pixels
};

enum class Marker { disc, square, triangle, cross };
inline constexpr int kMarkers = 4;

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
  int radius = 3;  // of a marker, pixels
  PlotSize size = {};
};

// Throws engine::Error unless there is a finite point, the arrays have equal lengths, exactly one of
// categories and values is given, and categories and markers have names.
Image draw_scatter(const ScatterPlot& plot);

struct HistogramSeries {
  std::string name;
  std::vector<double> values;  // those that are not finite are left out
};

// Outlined and, where there are few, shaded bars of several series over the same bins.
struct Histogram {
  AxisLabels labels;  // y: what bars are; "" for "share of images"
  std::vector<HistogramSeries> series;
  int bins = 60;
  PlotSize size = {};
};

// The shares that draw_histogram() shows.
struct HistogramBins {
  std::vector<double> edges;                // [bins + 1]
  std::vector<std::vector<double>> shares;  // [series][bins], of the series' finite values; a series without
                                            // any has zeros
};

// Bins of equal width over all series' finite values; the last one includes its upper edge. Throws
// engine::Error where there is no finite value, or for bins < 1.
HistogramBins bin(const Histogram& histogram);
Image draw_histogram(const Histogram& histogram);

// Pictures side by side on white, top edges aligned; grey and colour may be mixed. Throws on no pictures.
Image beside(std::span<const Image> pictures, int gap = 24);

}  // namespace mebm::report
