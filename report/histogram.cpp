#include "report/histogram.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "report/font.h"
#include "report/legend.h"

namespace mebm::report {
namespace {

// Bars as a shade that lets two others through: diagonals, a third of the pixels.
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

constexpr double kTiny = 1e-12;  // below every share but 0

double highest_of(const std::vector<double>& shares) {
  return *std::max_element(shares.begin(), shares.end());
}

double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

Image draw_histogram(const Histogram& histogram) {
  const HistogramBins bins = bin(histogram);
  double highest = 0;
  for (const std::vector<double>& shares : bins.shares) highest = std::max(highest, highest_of(shares));
  std::vector<LegendEntry> legend;
  for (std::size_t s = 0; s < std::min(bins.shares.size(), kMaxLegendEntries); ++s)
    legend.push_back({histogram.series[s].name, category_color(static_cast<int>(s)), Marker::square});
  Image image = blank_plot(histogram.size, legend_width(legend));
  const Box box = plot_box(histogram.size);
  const Axes axes(box, {bins.edges.front(), bins.edges.back()}, {0, 1.05 * highest});
  axes.draw(image, histogram.labels);
  for (std::size_t s = 0; s < bins.shares.size(); ++s) shade_bars(image, axes, bins, s);
  for (std::size_t s = 0; s < bins.shares.size(); ++s) outline_bars(image, axes, bins, s);
  draw_frame(image, box, kBlack);
  draw_legend(image, box.right(), box.top, legend);
  return image;
}

Image draw_histogram_rows(const Histogram& histogram) {
  const HistogramBins bins = bin(histogram);
  const int rows = static_cast<int>(bins.shares.size());
  const int step = std::max(kSmallestRow, histogram.size.height / rows);
  const PlotSize size{histogram.size.width, rows * step};
  Image image = blank_plot(size, 0);
  const Box box = plot_box(size);
  const Axes axes(box, {bins.edges.front(), bins.edges.back()}, {0, 1});
  axes.draw(image, histogram.labels, false);
  for (int r = 0; r < rows; ++r) {
    const auto s = static_cast<std::size_t>(r);
    const int floor = box.top + (r + 1) * step - 1;
    const double highest = highest_of(bins.shares[s]);
    for (std::size_t b = 0; b + 1 < bins.edges.size(); ++b) {
      const int left = axes.column(bins.edges[b]), right = axes.column(bins.edges[b + 1]);
      const int height =
          static_cast<int>(std::lround(bins.shares[s][b] / std::max(highest, kTiny) * (step - 4)));
      fill_box(image, {left, floor - height, right - left, height}, category_color(r));
    }
    fill_box(image, {box.left, floor, box.width, 1}, kGrey);
    if (const double middle = median(histogram.series[s].values); std::isfinite(middle))
      fill_box(image, {axes.column(middle), floor - step + 4, 2, step - 4}, kBlack);
    const std::string& name = histogram.series[s].name;
    draw_text(image, box.left - 8 - text_width(name, 2), floor - step / 2 - kGlyphHeight, name, 2, 0);
  }
  draw_frame(image, box, kBlack);
  return image;
}

}  // namespace mebm::report
