#include "report/axes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "report/font.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2, kTextHeight = kGlyphHeight * kTextScale, kTick = 5, kGap = 6;
constexpr int kTickPixels = 100;  // between ticks, about
constexpr std::uint8_t kInk = 0;

int pixel_of(double value, const Range& range, int pixels) {
  const double at = (value - range.low) / (range.high - range.low) * (pixels - 1);
  constexpr double kFar = 1e6;
  return static_cast<int>(std::lround(std::clamp(at, -kFar, kFar)));
}

double tick_step(const Range& range, int wanted) {
  const double rough = (range.high - range.low) / std::max(wanted, 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

}  // namespace

Range range_of(const std::vector<double>& values, double margin) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  engine::require(low <= high, "a plot of {} values, none of them finite", values.size());
  const double size = high - low;
  // A range that cannot be told from a point.
  if (size <= 1e-12 * std::max(std::fabs(low), std::fabs(high)) || size == 0) return {low - 1, high + 1};
  return {low - margin * size, high + margin * size};
}

std::vector<double> nice_ticks(const Range& range, int wanted) {
  const double step = tick_step(range, wanted);
  std::vector<double> ticks;
  const double first = std::ceil(range.low / step - 1e-9);
  for (double k = first; k * step <= range.high + 1e-9 * step; ++k) ticks.push_back(k == 0 ? 0 : k * step);
  return ticks;
}

std::string tick_text(double value, double step) {
  const double magnitude = std::max(std::fabs(value), step);
  if (magnitude >= 1e5 || step < 1e-4) {
    const int digits = static_cast<int>(std::floor(std::log10(magnitude)) - std::floor(std::log10(step)));
    return fmt::format("{:.{}e}", value, std::clamp(digits, 0, 6));
  }
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

void set_pixel(Image& image, int x, int y, Color color) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  std::uint8_t* pixel = image.at(x, y);
  pixel[0] = color.red;
  if (image.channels != 3) return;
  pixel[1] = color.green;
  pixel[2] = color.blue;
}

void fill_box(Image& image, const Box& box, Color color) {
  for (int y = box.top; y < box.bottom(); ++y)
    for (int x = box.left; x < box.right(); ++x) set_pixel(image, x, y, color);
}

void draw_frame(Image& image, const Box& box, Color color) {
  fill_box(image, {box.left, box.top, box.width, 1}, color);
  fill_box(image, {box.left, box.bottom() - 1, box.width, 1}, color);
  fill_box(image, {box.left, box.top, 1, box.height}, color);
  fill_box(image, {box.right() - 1, box.top, 1, box.height}, color);
}

void draw_text_upwards(Image& image, int x, int y, std::string_view text, int scale, std::uint8_t level) {
  const int length = text_width(text, scale);
  for (int k = 0; k < length; ++k)
    for (int r = 0; r < kGlyphHeight * scale; ++r) {
      const int glyph = k / scale / kGlyphAdvance, column = k / scale % kGlyphAdvance;
      if (column < kGlyphWidth && glyph_pixel(text[static_cast<std::size_t>(glyph)], column, r / scale))
        set_pixel(image, x + r, y + length - 1 - k, {level, level, level});
    }
}

int Axes::column(double x) const {
  return box_.left + pixel_of(x, x_, box_.width);
}

int Axes::row(double y) const {
  return box_.bottom() - 1 - pixel_of(y, y_, box_.height);
}

void Axes::draw_x(Image& image, const std::string& label) const {
  const int wanted = std::max(2, box_.width / kTickPixels);
  const double step = tick_step(x_, wanted);
  const int numbers = box_.bottom() + kTick + kGap, below = numbers + kTextHeight + kGap;
  for (const double tick : nice_ticks(x_, wanted)) {
    const int at = column(tick);
    fill_box(image, {at, box_.bottom(), 1, kTick}, kBlack);
    const std::string text = tick_text(tick, step);
    draw_text(image, at - text_width(text, kTextScale) / 2, numbers, text, kTextScale, kInk);
  }
  draw_text(image, box_.left + (box_.width - text_width(label, kTextScale)) / 2, below, label, kTextScale,
            kInk);
}

void Axes::draw_y(Image& image, const std::string& label) const {
  const int wanted = std::max(2, box_.height / kTickPixels);
  const double step = tick_step(y_, wanted);
  for (const double tick : nice_ticks(y_, wanted)) {
    const int at = row(tick);
    fill_box(image, {box_.left - kTick, at, kTick, 1}, kBlack);
    const std::string text = tick_text(tick, step);
    draw_text(image, box_.left - kTick - kGap - text_width(text, kTextScale), at - kTextHeight / 2 + 1, text,
              kTextScale, kInk);
  }
  draw_text_upwards(image, box_.left - kLeft + kGap,
                    box_.top + (box_.height - text_width(label, kTextScale)) / 2, label, kTextScale, kInk);
}

void Axes::draw(Image& image, const AxisLabels& labels, bool y_axis) const {
  fill_box(image, box_, kWhite);
  draw_x(image, labels.x);
  if (y_axis) draw_y(image, labels.y);
  draw_frame(image, box_, kBlack);
  // A long title is small.
  const int scale = text_width(labels.title, kTextScale) <= box_.width + kLeft ? kTextScale : 1;
  const int indent = (box_.width - text_width(labels.title, scale)) / 2;
  draw_text(image, std::max(kGap, box_.left + indent), box_.top - kGap - kGlyphHeight * scale, labels.title,
            scale, kInk);
}

}  // namespace mebm::report
