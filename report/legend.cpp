#include "report/legend.h"

#include <algorithm>
#include <cmath>

#include "report/font.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2, kTextHeight = kGlyphHeight * kTextScale, kGap = 12, kRight = 24;
constexpr int kSwatch = 12, kLegendStep = 22;

}  // namespace

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

Box plot_box(const PlotSize& size) {
  return {Axes::kLeft, Axes::kTop, size.width, size.height};
}

Image blank_plot(const PlotSize& size, int right) {
  return Image::filled(Axes::kLeft + size.width + right + kRight, Axes::kTop + size.height + Axes::kBottom, 3,
                       255);
}

}  // namespace mebm::report
