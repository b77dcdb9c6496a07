#pragma once
// The frame of a plot: where data lie in pixels, ticks with their numbers, title and labels.

#include <string>
#include <string_view>
#include <vector>

#include "report/colors.h"
#include "report/png.h"

namespace mebm::report {

// From low to high; low < high.
struct Range {
  double low = 0, high = 1;
};

// The smallest range around finite values, widened by `margin` of its length on either side; [v-1, v+1]
// around a single value v. Throws engine::Error where no value is finite.
Range range_of(const std::vector<double>& values, double margin);

// 1, 2 or 5 times a power of ten apart, `wanted` of them or fewer (2 at least where they fit), in range.
std::vector<double> nice_ticks(const Range& range, int wanted);

// "0.25", "-3", "1.5e+06": a tick's number, as short as `step`, the distance of ticks, lets it be.
std::string tick_text(double value, double step);

struct Box {
  int left = 0, top = 0, width = 0, height = 0;

  int right() const { return left + width; }
  int bottom() const { return top + height; }
};

// What is cut off at the image's edge is not drawn.
void set_pixel(Image& image, int x, int y, Color color);
void fill_box(Image& image, const Box& box, Color color);
// One-pixel outline.
void draw_frame(Image& image, const Box& box, Color color);
// As draw_text (font.h), turned by 90 degrees to read upwards; (x, y) is the upper left corner of the result.
void draw_text_upwards(Image& image, int x, int y, std::string_view text, int scale, std::uint8_t level);

struct AxisLabels {
  std::string title, x, y;
};

class Axes {
 public:
  Axes(const Box& box, const Range& x, const Range& y) : box_(box), x_(x), y_(y) {}

  const Box& box() const { return box_; }
  // Pixel column and row of a value; beyond the box for values beyond the range.
  int column(double x) const;
  int row(double y) const;
  // White ground, frame, ticks with numbers outside the left and lower side, title above, labels outside the
  // numbers. Room for them: kLeft, kTop, kBottom pixels.
  // y_axis = false: neither numbers nor a label on the left.
  void draw(Image& image, const AxisLabels& labels, bool y_axis = true) const;

  static constexpr int kLeft = 116, kTop = 32, kBottom = 60;

 private:
  void draw_x(Image& image, const std::string& label) const;
  void draw_y(Image& image, const std::string& label) const;

  Box box_;
  Range x_, y_;
};

}  // namespace mebm::report
