#include "report/rows.h"

#include <algorithm>

#include "engine/core/error.h"
#include "report/font.h"
#include "report/grid.h"

namespace mebm::report {
namespace {

constexpr int kTextScale = 2, kTextHeight = kGlyphHeight * kTextScale, kGap = 16, kNameGap = 8;

// The block as a grid of all its places, white where there is no image.
Panel panel_of(const RowBlock& block, const ImageSize& size, std::vector<float>& values) {
  const auto elements = static_cast<std::size_t>(size.elements());
  const std::size_t columns = static_cast<std::size_t>(block.columns);
  values.assign(block.rows.size() * columns * elements, 1.0f);
  for (std::size_t r = 0; r < block.rows.size(); ++r) {
    engine::require(block.rows[r].size() <= columns, "row {} has {} images, {} columns", r,
                    block.rows[r].size(), columns);
    for (std::size_t c = 0; c < block.rows[r].size(); ++c)
      std::copy_n(block.rows[r][c], elements, values.data() + (r * columns + c) * elements);
  }
  return {
      {values.data(), static_cast<int>(block.rows.size() * columns), size.channels, size.height, size.width},
      block.caption};
}

}  // namespace

Image make_rows(std::span<const RowBlock> blocks, const std::vector<std::string>& row_names,
                const ImageSize& size, int scale) {
  engine::require(!blocks.empty() && !row_names.empty(), "{} blocks of {} rows: nothing to show",
                  blocks.size(), row_names.size());
  GridStyle style;
  style.scale = scale;
  std::vector<Image> pictures;
  for (const RowBlock& block : blocks) {
    engine::require(block.rows.size() == row_names.size() && block.columns >= 1,
                    "a block of {} rows and {} columns beside {} names", block.rows.size(), block.columns,
                    row_names.size());
    std::vector<float> values;
    const Panel panel = panel_of(block, size, values);
    style.columns = block.columns;
    pictures.push_back(make_panels(std::span(&panel, 1), style));
  }
  int widest = 0;
  for (const std::string& name : row_names) widest = std::max(widest, text_width(name, kTextScale));
  const int step = size.height * scale + style.padding;
  const int caption = pictures[0].height - static_cast<int>(row_names.size()) * step - style.padding;
  Image names = Image::filled(kNameGap + widest, pictures[0].height, 1, 255);
  for (std::size_t r = 0; r < row_names.size(); ++r)
    draw_text(names, kNameGap + widest - text_width(row_names[r], kTextScale),
              caption + static_cast<int>(r) * step + (step - kTextHeight) / 2, row_names[r], kTextScale, 0);
  const Image body = beside(pictures, kGap);
  const Image parts[] = {std::move(names), body};
  return beside(parts, kNameGap);
}

Image with_title(const Image& picture, const std::string& title) {
  constexpr int kAbove = kTextHeight + 2 * kNameGap;
  Image figure = Image::filled(std::max(picture.width, text_width(title, kTextScale) + 2 * kNameGap),
                               picture.height + kAbove, picture.channels, 255);
  const auto row = static_cast<std::ptrdiff_t>(picture.width) * picture.channels;
  for (int y = 0; y < picture.height; ++y)
    std::copy_n(picture.pixels.begin() + y * row, row, figure.at(0, kAbove + y));
  draw_text(figure, kNameGap, kNameGap, title, kTextScale, 0);
  return figure;
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
