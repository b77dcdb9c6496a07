#include "report/scatter.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "engine/core/error.h"
#include "report/font.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2, kTextHeight = kGlyphHeight * kTextScale, kGap = 12;
constexpr int kBarWidth = 18, kBarNumbers = 110;
constexpr double kMargin = 0.04;

// The colour bar, its numbers and its label; the width it takes is kGap + kBarWidth + kBarNumbers.
void draw_color_bar(Image& image, const Box& plot, const Range& range, const std::string& label) {
  const Box bar{plot.right() + kGap, plot.top, kBarWidth, plot.height};
  for (int y = 0; y < bar.height; ++y)
    fill_box(image, {bar.left, bar.bottom() - 1 - y, bar.width, 1},
             scale_color(static_cast<double>(y) / (bar.height - 1)));
  draw_frame(image, bar, kBlack);
  const Axes axes(bar, {0, 1}, range);
  const std::vector<double> ticks = nice_ticks(range, 5);
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  for (const double tick : ticks) {
    const int row = axes.row(tick);
    fill_box(image, {bar.right(), row, 4, 1}, kBlack);
    draw_text(image, bar.right() + 8, row - kTextHeight / 2 + 1, tick_text(tick, step), kTextScale, 0);
  }
  draw_text_upwards(image, bar.right() + kBarNumbers - kTextHeight - 4,
                    plot.top + (plot.height - text_width(label, kTextScale)) / 2, label, kTextScale, 0);
}

void check(const ScatterPlot& plot) {
  const std::size_t n = plot.x.size();
  engine::require(plot.y.size() == n, "a scatter plot of {} abscissas and {} ordinates", n, plot.y.size());
  engine::require((plot.categories.size() == n) != (plot.values.size() == n) &&
                      (plot.categories.empty() || plot.values.empty()),
                  "a scatter plot of {} points with {} categories and {} values: one of them for each point",
                  n, plot.categories.size(), plot.values.size());
  engine::require(plot.markers.empty() || plot.markers.size() == n, "a scatter plot of {} points, {} markers",
                  n, plot.markers.size());
  for (const int category : plot.categories)
    engine::require(category >= 0 && category < static_cast<int>(plot.category_names.size()),
                    "category {} of a scatter plot has no name", category);
  for (const int marker : plot.markers)
    engine::require(marker >= 0 && marker < std::min(kMarkers, static_cast<int>(plot.marker_names.size())),
                    "marker {} of a scatter plot has no name or no shape", marker);
}

std::vector<LegendEntry> legend_of(const ScatterPlot& plot) {
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < plot.marker_names.size(); ++i)
    entries.push_back({plot.marker_names[i], kGrey, static_cast<Marker>(i)});
  const auto room = kMaxLegendEntries - entries.size();
  const Marker swatch = plot.markers.empty() ? Marker::disc : Marker::square;
  for (std::size_t c = 0; c < plot.category_names.size() && !plot.categories.empty(); ++c) {
    if (c + 1 == room && plot.category_names.size() > room) {
      entries.push_back({fmt::format("and {} more", plot.category_names.size() - c), kWhite, swatch});
      break;
    }
    entries.push_back({plot.category_names[c], category_color(static_cast<int>(c)), swatch});
  }
  return entries;
}

// 0 ... n - 1 shuffled, always alike: by a hash of the number (the finaliser of splitmix64).
std::vector<std::size_t> scattered_order(std::size_t n) {
  std::vector<std::pair<std::uint64_t, std::size_t>> keyed;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    keyed.emplace_back(z ^ (z >> 31), i);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::size_t> order;
  for (const auto& [key, i] : keyed) order.push_back(i);
  return order;
}

}  // namespace

Image draw_scatter(const ScatterPlot& plot) {
  check(plot);
  const std::vector<LegendEntry> legend = legend_of(plot);
  const int bar = plot.values.empty() ? 0 : kGap + kBarWidth + kBarNumbers;
  Image image = blank_plot(plot.size, bar + legend_width(legend));
  const Box box = plot_box(plot.size);
  const Axes axes(box, range_of(plot.x, kMargin), range_of(plot.y, kMargin));
  axes.draw(image, plot.labels);
  Range range;
  if (!plot.values.empty()) {
    range = range_of(plot.values, 0);
    draw_color_bar(image, box, range, plot.value_label);
  }
  draw_legend(image, box.right() + bar, box.top, legend);
  for (const std::size_t i : scattered_order(plot.x.size())) {
    if (!std::isfinite(plot.x[i]) || !std::isfinite(plot.y[i])) continue;
    const Color color = plot.values.empty()
                            ? category_color(plot.categories[i])
                            : scale_color((plot.values[i] - range.low) / (range.high - range.low));
    const Marker marker = plot.markers.empty() ? Marker::disc : static_cast<Marker>(plot.markers[i]);
    draw_marker(image, axes.column(plot.x[i]), axes.row(plot.y[i]), plot.radius, marker, color);
  }
  return image;
}

}  // namespace mebm::report
