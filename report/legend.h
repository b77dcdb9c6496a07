#pragma once
// Markers and what they mean, beside a plot; the canvas plots are drawn on.

#include <string>
#include <vector>

#include "report/axes.h"

namespace mebm::report {

enum class Marker { disc, square, triangle, cross };
inline constexpr int kMarkers = 4;

void draw_marker(Image& image, int x, int y, int radius, Marker marker, Color color);

struct LegendEntry {
  std::string name;
  Color color;
  Marker marker = Marker::square;
};

// As many entries as the height of a plot has room for.
inline constexpr std::size_t kMaxLegendEntries = 21;

// Pixels that the legend takes to the right of a plot; 0 without entries.
int legend_width(const std::vector<LegendEntry>& entries);
void draw_legend(Image& image, int left, int top, const std::vector<LegendEntry>& entries);

struct PlotSize {
  int width = 560, height = 480;  // of the area within the axes, pixels
};

Box plot_box(const PlotSize& size);
// A white picture with room for the axes, and for `right` pixels beside the plot.
Image blank_plot(const PlotSize& size, int right);

}  // namespace mebm::report
