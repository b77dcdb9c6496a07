#pragma once
// Histograms of several series over the same bins.

#include <string>
#include <vector>

#include "report/legend.h"

namespace mebm::report {

struct HistogramSeries {
  std::string name;
  std::vector<double> values;  // those that are not finite are left out
};

struct Histogram {
  AxisLabels labels;  // y: what bars are
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

// Shaded outlines over each other, for two or three series.
Image draw_histogram(const Histogram& histogram);
// For many series: each in a row of its own beside its name, its highest bar as high as the row, a line at
// the median. Rows keep kSmallestRow pixels of height, so that the picture may be higher than asked.
inline constexpr int kSmallestRow = 32;
Image draw_histogram_rows(const Histogram& histogram);

}  // namespace mebm::report
