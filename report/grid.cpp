#include "report/grid.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"
#include "report/font.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2;
constexpr int kCaptionHeight = (kGlyphHeight + 4) * kTextScale;  // two font pixels above and below the text
constexpr int kGap = 16;                                         // between panels
constexpr std::uint8_t kPaper = 255;
constexpr std::uint8_t kInk = 0;

struct Layout {
  int columns = 0;
  int rows = 0;
};

Layout layout_of(const ImagesView& images, const GridStyle& style) {
  Layout layout;
  layout.columns = style.columns;
  if (layout.columns == 0)
    layout.columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(images.count))));
  layout.columns = std::min(layout.columns, images.count);
  layout.rows = (images.count + layout.columns - 1) / layout.columns;
  return layout;
}

void check(const ImagesView& images, const GridStyle& style) {
  engine::require(images.values != nullptr && images.count > 0 && images.height > 0 && images.width > 0,
                  "a grid of {} images of {} x {} pixels: nothing to show", images.count, images.width,
                  images.height);
  engine::require(images.channels == 1 || images.channels == 3,
                  "a grid of images with {} channels: expected 1 or 3", images.channels);
  engine::require(style.scale >= 1 && style.columns >= 0 && style.padding >= 0,
                  "a grid with scale {}, {} columns and padding {}", style.scale, style.columns,
                  style.padding);
}

// Copies image n to (left, top), enlarged.
void place(Image& grid, const ImagesView& images, int n, int left, int top, int scale) {
  const std::size_t plane = static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width);
  const float* image =
      images.values + static_cast<std::size_t>(n) * static_cast<std::size_t>(images.channels) * plane;
  for (int y = 0; y < images.height * scale; ++y) {
    for (int x = 0; x < images.width * scale; ++x) {
      const std::size_t source =
          static_cast<std::size_t>(y / scale) * static_cast<std::size_t>(images.width) +
          static_cast<std::size_t>(x / scale);
      for (int c = 0; c < images.channels; ++c)
        grid.at(left + x, top + y)[c] = pixel_byte(image[static_cast<std::size_t>(c) * plane + source]);
    }
  }
}

// Copies a picture into a canvas that has as many channels or three where it has one.
void paste(Image& canvas, const Image& picture, int left, int top) {
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      for (int c = 0; c < canvas.channels; ++c)
        canvas.at(left + x, top + y)[c] = picture.at(x, y)[picture.channels == 1 ? 0 : c];
}

}  // namespace

std::uint8_t pixel_byte(float x) {
  if (std::isnan(x)) return 0;
  return static_cast<std::uint8_t>(std::clamp(std::round((x + 1.0F) * 127.5F), 0.0F, 255.0F));
}

Image make_grid(const ImagesView& images, const GridStyle& style) {
  check(images, style);
  const Layout layout = layout_of(images, style);
  const int step_x = images.width * style.scale + style.padding;
  const int step_y = images.height * style.scale + style.padding;
  Image grid = Image::filled(layout.columns * step_x + style.padding, layout.rows * step_y + style.padding,
                             images.channels, style.level);
  for (int n = 0; n < images.count; ++n)
    place(grid, images, n, style.padding + n % layout.columns * step_x,
          style.padding + n / layout.columns * step_y, style.scale);
  return grid;
}

Image make_panels(std::span<const Panel> panels, const GridStyle& style) {
  engine::require(!panels.empty(), "a figure of no panels");
  std::vector<Image> grids;
  int width = -kGap;
  int height = 0;
  int channels = 1;
  for (const Panel& panel : panels) {
    grids.push_back(make_grid(panel.images, style));
    width += grids.back().width + kGap;
    height = std::max(height, grids.back().height);
    channels = std::max(channels, grids.back().channels);
  }
  Image figure = Image::filled(width, kCaptionHeight + height, channels, kPaper);
  int left = 0;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const Image& grid = grids[i];
    Image caption = Image::filled(grid.width, kCaptionHeight, 1, kPaper);
    const int indent = std::max(0, (grid.width - text_width(panels[i].caption, kTextScale)) / 2);
    draw_text(caption, indent, 2 * kTextScale, panels[i].caption, kTextScale, kInk);
    paste(figure, caption, left, 0);
    paste(figure, grid, left, kCaptionHeight);
    left += grid.width + kGap;
  }
  return figure;
}

Image three_panel(const ImagesView& p0, const ImagesView& chains, const ImagesView& data,
                  const GridStyle& style) {
  const Panel panels[] = {{p0, "p0"}, {chains, "chains"}, {data, "data"}};
  return make_panels(panels, style);
}

}  // namespace mebm::report
