#include "report/plot.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.h"
#include "report/font.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2, kTextHeight = kGlyphHeight * kTextScale, kGap = 12, kRight = 24;
constexpr int kSwatch = 12, kLegendStep = 22;
constexpr int kMaxLegendNames = 21;  // as many as the height has room for
constexpr int kBarWidth = 18, kBarNumbers = 110;
constexpr double kMargin = 0.04;

struct LegendEntry {
  std::string name;
  Color color;
  Marker marker = Marker::square;
};

void draw_marker(Image& image, int x, int y, int radius, Marker marker, Color color) {
  for (int v = -radius; v <= radius; ++v)
    for (int u = -radius; u <= radius; ++u) {
      bool ink = true;
      switch (marker) {
        case Marker::disc:
          ink = 4 * (u * u + v * v) <= (2 * radius + 1) * (2 * radius + 1) - 3;
          break;
        case Marker::square:
          ink = std::max(std::abs(u), std::abs(v)) < radius;
          break;
        case Marker::triangle:
          ink = 2 * std::abs(u) <= v + radius;
          break;
        case Marker::cross:
          ink = std::abs(std::abs(u) - std::abs(v)) <= radius / 4;
          break;
      }
      if (ink) set_pixel(image, x + u, y + v, color);
    }
}

int legend_width(const std::vector<LegendEntry>& entries) {
  int widest = 0;
  for (const LegendEntry& entry : entries) widest = std::max(widest, text_width(entry.name, kTextScale));
  return entries.empty() ? 0 : kGap + kSwatch + kGap / 2 + widest;
}

void draw_legend(Image& image, int left, int top, const std::vector<LegendEntry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const int y = top + static_cast<int>(i) * kLegendStep;
    draw_marker(image, left + kGap + kSwatch / 2, y + kTextHeight / 2 - 1, kSwatch / 2, entries[i].marker,
                entries[i].color);
    draw_text(image, left + kGap + kSwatch + kGap / 2, y, entries[i].name, kTextScale, 0);
  }
}

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

Image blank(const PlotSize& size, int right) {
  return Image::filled(Axes::kLeft + size.width + right + kRight, Axes::kTop + size.height + Axes::kBottom, 3,
                       255);
}

Box plot_box(const PlotSize& size) {
  return {Axes::kLeft, Axes::kTop, size.width, size.height};
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
  const auto room = static_cast<std::size_t>(kMaxLegendNames) - entries.size();
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

// 0 ... n - 1, neighbours far apart: multiples of a step without a common factor.
std::vector<std::size_t> scattered_order(std::size_t n) {
  auto step = static_cast<std::size_t>(0.6180339887 * static_cast<double>(n)) | 1u;
  while (std::gcd(step, n) != 1) step += 2;
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i * step % n;
  return order;
}

}  // namespace

Image draw_scatter(const ScatterPlot& plot) {
  check(plot);
  const std::vector<LegendEntry> legend = legend_of(plot);
  const int bar = plot.values.empty() ? 0 : kGap + kBarWidth + kBarNumbers;
  Image image = blank(plot.size, bar + legend_width(legend));
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

HistogramBins bin(const Histogram& histogram) {
  engine::require(histogram.bins >= 1, "a histogram of {} bins", histogram.bins);
  std::vector<double> all;
  for (const HistogramSeries& series : histogram.series)
    all.insert(all.end(), series.values.begin(), series.values.end());
  const Range range = range_of(all, 0);
  const double width = (range.high - range.low) / histogram.bins;
  HistogramBins result;
  for (int b = 0; b <= histogram.bins; ++b) result.edges.push_back(range.low + b * width);
  for (const HistogramSeries& series : histogram.series) {
    std::vector<double> shares(static_cast<std::size_t>(histogram.bins), 0.0);
    double count = 0;
    for (const double value : series.values) {
      if (!std::isfinite(value)) continue;
      const int b = std::clamp(static_cast<int>((value - range.low) / width), 0, histogram.bins - 1);
      ++shares[static_cast<std::size_t>(b)];
      ++count;
    }
    for (double& share : shares) share /= std::max(count, 1.0);
    result.shares.push_back(std::move(shares));
  }
  return result;
}

namespace {

// Bars as a shade that lets others through: every other pixel in a checkerboard of the series' own phase.
void shade_bars(Image& image, const Axes& axes, const HistogramBins& bins, std::size_t series) {
  const int floor = axes.box().bottom() - 1;
  const int phase = static_cast<int>(series % 3);
  for (std::size_t b = 0; b + 1 < bins.edges.size(); ++b) {
    const int left = axes.column(bins.edges[b]), right = axes.column(bins.edges[b + 1]);
    for (int y = axes.row(bins.shares[series][b]); y < floor; ++y)
      for (int x = left; x < right; ++x)
        if ((x + y) % 3 == phase) set_pixel(image, x, y, category_color(static_cast<int>(series)));
  }
}

// The outline of the bars, two pixels thick; a bar of nothing has none.
void outline_bars(Image& image, const Axes& axes, const HistogramBins& bins, std::size_t series) {
  const Color color = category_color(static_cast<int>(series));
  const int floor = axes.box().bottom() - 1;
  int before = floor;
  for (std::size_t b = 0; b + 1 < bins.edges.size(); ++b) {
    const int left = axes.column(bins.edges[b]), right = axes.column(bins.edges[b + 1]);
    const int top = bins.shares[series][b] > 0 ? axes.row(bins.shares[series][b]) : floor;
    fill_box(image, {left, std::min(before, top), 2, std::abs(before - top) + (top < floor ? 2 : 0)}, color);
    if (top < floor) fill_box(image, {left, top, right - left + 1, 2}, color);
    before = top;
  }
  fill_box(image, {axes.box().right() - 2, before, 2, floor - before}, color);
}

}  // namespace

Image draw_histogram(const Histogram& histogram) {
  const HistogramBins bins = bin(histogram);
  double highest = 0;
  std::vector<LegendEntry> legend;
  for (std::size_t s = 0; s < bins.shares.size(); ++s) {
    highest = std::max(highest, *std::max_element(bins.shares[s].begin(), bins.shares[s].end()));
    if (s < kMaxLegendNames)
      legend.push_back({histogram.series[s].name, category_color(static_cast<int>(s)), Marker::square});
  }
  Image image = blank(histogram.size, legend_width(legend));
  const Box box = plot_box(histogram.size);
  const Axes axes(box, {bins.edges.front(), bins.edges.back()}, {0, 1.05 * highest});
  AxisLabels labels = histogram.labels;
  if (labels.y.empty()) labels.y = "share of images";
  axes.draw(image, labels);
  constexpr std::size_t kShaded = 3;
  if (bins.shares.size() <= kShaded)
    for (std::size_t s = 0; s < bins.shares.size(); ++s) shade_bars(image, axes, bins, s);
  for (std::size_t s = 0; s < bins.shares.size(); ++s) outline_bars(image, axes, bins, s);
  draw_frame(image, box, kBlack);
  draw_legend(image, box.right(), box.top, legend);
  return image;
}

Image beside(std::span<const Image> pictures, int gap) {
  engine::require(!pictures.empty(), "a figure of no pictures");
  int width = -gap, height = 0, channels = 1;
  for (const Image& picture : pictures) {
    width += picture.width + gap;
    height = std::max(height, picture.height);
    channels = std::max(channels, picture.channels);
  }
  Image figure = Image::filled(width, height, channels, 255);
  int left = 0;
  for (const Image& picture : pictures) {
    for (int y = 0; y < picture.height; ++y)
      for (int x = 0; x < picture.width; ++x)
        for (int c = 0; c < channels; ++c)
          figure.at(left + x, y)[c] = picture.at(x, y)[picture.channels == 1 ? 0 : c];
    left += picture.width + gap;
  }
  return figure;
}

}  // namespace mebm::report
