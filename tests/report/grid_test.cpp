#include "report/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/core/error.h"
#include "report/font.h"

namespace mebm::report {
namespace {

using ::testing::HasSubstr;

// N images; image n has the byte `first + n` everywhere.
std::vector<float> flat_images(int count, int channels, int height, int width, int first) {
  std::vector<float> values;
  for (int n = 0; n < count; ++n)
    values.insert(values.end(), static_cast<std::size_t>(channels * height * width),
                  static_cast<float>((first + n) / 127.5 - 1.0));
  return values;
}

TEST(PixelByte, InvertsTheScalingOfEveryByte) {
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(pixel_byte(static_cast<float>(byte / 127.5 - 1.0)), byte);
  EXPECT_EQ(pixel_byte(-1.5F), 0);
  EXPECT_EQ(pixel_byte(7.0F), 255);
  EXPECT_EQ(pixel_byte(0.0F), 128);
  EXPECT_EQ(pixel_byte(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(pixel_byte(std::nanf("")), 0);
}

TEST(Grid, PlacesImagesInReadingOrder) {
  const std::vector<float> values = flat_images(5, 1, 2, 3, 10);
  GridStyle style;
  style.columns = 2;
  style.scale = 3;
  style.padding = 4;
  style.level = 200;
  const Image grid = make_grid({values.data(), 5, 1, 2, 3}, style);
  EXPECT_EQ(grid.width, 4 + 2 * (9 + 4));
  EXPECT_EQ(grid.height, 4 + 3 * (6 + 4));
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const int column = (x - 4) / 13, row = (y - 4) / 10;
      const bool inside = x >= 4 && y >= 4 && (x - 4) % 13 < 9 && (y - 4) % 10 < 6 && row * 2 + column < 5;
      ASSERT_EQ(*grid.at(x, y), inside ? 10 + row * 2 + column : 200) << x << "," << y;
    }
  }
}

TEST(Grid, TurnsPlanesIntoPixelsAndEnlargesThem) {
  // One image of 2 x 2 pixels: red plane 0..3, green 100..103, blue 200..203.
  std::vector<float> values;
  for (const int base : {0, 100, 200})
    for (int i = 0; i < 4; ++i) values.push_back(static_cast<float>((base + i) / 127.5 - 1.0));
  GridStyle style;
  style.padding = 0;
  style.scale = 2;
  const Image grid = make_grid({values.data(), 1, 3, 2, 2}, style);
  ASSERT_EQ(grid.width, 4);
  ASSERT_EQ(grid.channels, 3);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(grid.at(x, y)[c], 100 * c + y / 2 * 2 + x / 2);
}

TEST(Grid, IsNearlySquareByDefault) {
  const std::vector<float> values = flat_images(64, 1, 1, 1, 0);
  const auto size = [&](int count) {
    const Image grid = make_grid({values.data(), count, 1, 1, 1}, {0, 1, 0, 255});
    return std::pair(grid.width, grid.height);
  };
  EXPECT_EQ(size(64), std::pair(8, 8));
  EXPECT_EQ(size(1), std::pair(1, 1));
  EXPECT_EQ(size(3), std::pair(2, 2));
  EXPECT_EQ(size(10), std::pair(4, 3));
}

TEST(Grid, RefusesWhatItCannotShow) {
  const std::vector<float> values(16);
  EXPECT_THROW(make_grid({values.data(), 0, 1, 2, 2}), engine::Error);
  EXPECT_THROW(make_grid({nullptr, 1, 1, 2, 2}), engine::Error);
  EXPECT_THROW(make_grid({values.data(), 1, 1, 2, 2}, {0, 0, 0, 0}), engine::Error);
  EXPECT_THROW(make_panels({}), engine::Error);
  try {
    make_grid({values.data(), 1, 2, 2, 2});
    FAIL();
  } catch (const engine::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 channels: expected 1 or 3"));
  }
}

// The caption's pixels, read back at the place where it is centred over its panel.
void expect_caption(const Image& figure, const std::string& text, int left, int width) {
  const int indent = left + (width - text_width(text, 2)) / 2;
  for (int y = 0; y < kGlyphHeight; ++y)
    for (int x = 0; x < static_cast<int>(text.size()) * kGlyphAdvance; ++x)
      EXPECT_EQ(*figure.at(indent + 2 * x, 4 + 2 * y) == 0,
                glyph_pixel(text[static_cast<std::size_t>(x / kGlyphAdvance)], x % kGlyphAdvance, y))
          << text << " " << x << "," << y;
}

TEST(ThreePanel, ShowsStartsChainsAndDataUnderTheirNames) {
  const std::vector<float> p0 = flat_images(4, 1, 32, 32, 10), chains = flat_images(4, 1, 32, 32, 100),
                           data = flat_images(4, 1, 32, 32, 200);
  const auto view = [](const std::vector<float>& values) { return ImagesView{values.data(), 4, 1, 32, 32}; };
  const Image figure = three_panel(view(p0), view(chains), view(data));
  const int panel = 2 + 2 * (64 + 2);
  EXPECT_EQ(figure.channels, 1);
  EXPECT_EQ(figure.width, 3 * panel + 2 * 16);
  EXPECT_EQ(figure.height, 24 + panel);
  expect_caption(figure, "p0", 0, panel);
  expect_caption(figure, "chains", panel + 16, panel);
  expect_caption(figure, "data", 2 * (panel + 16), panel);
  const int first[] = {10, 100, 200};
  for (int i = 0; i < 3; ++i) {
    const int left = i * (panel + 16);
    EXPECT_EQ(*figure.at(left + 2, 24 + 2), first[i]);
    EXPECT_EQ(*figure.at(left + panel - 3, 24 + panel - 3), first[i] + 3);
    if (i > 0) {
      EXPECT_EQ(*figure.at(left - 1, 24 + 40), 255) << "gap";
    }
  }
}

TEST(Panels, MixGreyAndColour) {
  const std::vector<float> grey = flat_images(1, 1, 2, 2, 50), colour = flat_images(1, 3, 4, 4, 70);
  const Panel panels[] = {{{grey.data(), 1, 1, 2, 2}, "a caption wider than its panel"},
                          {{colour.data(), 1, 3, 4, 4}, ""}};
  const Image figure = make_panels(panels, {0, 1, 1, 255});
  EXPECT_EQ(figure.channels, 3);
  EXPECT_EQ(figure.width, 4 + 16 + 6);
  EXPECT_EQ(figure.height, 24 + 6);
  EXPECT_EQ(figure.at(1, 25)[2], 50);
  EXPECT_EQ(figure.at(4 + 16 + 1, 25)[1], 70);
}

}  // namespace
}  // namespace mebm::report
