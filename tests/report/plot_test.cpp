#include "report/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "report/font.h"
#include "report/rows.h"
#include "report/scatter.h"

namespace mebm::report {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Color color_at(const Image& image, int x, int y) {
  const std::uint8_t* pixel = image.at(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}

int count_color(const Image& image, const Box& box, Color color) {
  int count = 0;
  for (int y = box.top; y < box.bottom(); ++y)
    for (int x = box.left; x < box.right(); ++x) count += color_at(image, x, y) == color;
  return count;
}

constexpr Box kInside{Axes::kLeft + 1, Axes::kTop + 1, 558, 478};  // of the default size's frame

TEST(Colors, CategoriesRepeatAndTheScaleGetsLighter) {
  for (int a = 0; a < kCategoryColors; ++a) {
    EXPECT_EQ(category_color(a), category_color(a + kCategoryColors));
    for (int b = 0; b < a; ++b) EXPECT_FALSE(category_color(a) == category_color(b)) << a << " " << b;
  }
  const auto lightness = [](Color c) { return 0.2126 * c.red + 0.7152 * c.green + 0.0722 * c.blue; };
  for (int k = 1; k <= 50; ++k)
    EXPECT_GT(lightness(scale_color(k / 50.0)), lightness(scale_color((k - 1) / 50.0))) << k;
  EXPECT_EQ(scale_color(0), (Color{68, 1, 84}));
  EXPECT_EQ(scale_color(7), (Color{253, 231, 37}));
  EXPECT_EQ(scale_color(std::nan("")), kGrey);
}

TEST(Axes, TicksAreRoundNumbers) {
  EXPECT_THAT(nice_ticks({0, 1}, 5),
              Pointwise(DoubleNear(1e-12), std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1}));
  EXPECT_THAT(nice_ticks({-37, 49}, 5), Pointwise(DoubleNear(1e-12), std::vector<double>{-20, 0, 20, 40}));
  EXPECT_THAT(nice_ticks({1e6, 1.4e6}, 5),
              Pointwise(DoubleNear(1e-4), std::vector<double>{1e6, 1.1e6, 1.2e6, 1.3e6, 1.4e6}));
  EXPECT_EQ(tick_text(0.30000000000000004, 0.1), "0.3");
  EXPECT_EQ(tick_text(-20, 20), "-20");
  EXPECT_EQ(tick_text(0, 0.25), "0.0");
  EXPECT_EQ(tick_text(1.1e6, 1e5), "1.1e+06");
  EXPECT_EQ(tick_text(2e-5, 1e-5), "2e-05");
}

TEST(Axes, RangesHoldEveryFiniteValue) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Range range = range_of({3, infinity, -1, std::nan("")}, 0.25);
  EXPECT_EQ(range.low, -2);
  EXPECT_EQ(range.high, 4);
  EXPECT_EQ(range_of({5, 5}, 0.1).low, 4);
  EXPECT_EQ(range_of({5, 5}, 0.1).high, 6);
  EXPECT_THROW(range_of({infinity}, 0), engine::Error);
}

TEST(Axes, MapValuesToPixels) {
  const Axes axes({10, 20, 101, 51}, {0, 10}, {-1, 1});
  EXPECT_EQ(axes.column(0), 10);
  EXPECT_EQ(axes.column(10), 110);
  EXPECT_EQ(axes.column(5), 60);
  EXPECT_EQ(axes.row(-1), 70);
  EXPECT_EQ(axes.row(1), 20);
  EXPECT_EQ(axes.row(0), 45);
}

TEST(Text, UpwardsIsTextTurned) {
  Image flat = Image::filled(60, 20, 3, 255), turned = Image::filled(20, 60, 3, 255);
  draw_text(flat, 3, 2, "ABq", 2, 0);
  draw_text_upwards(turned, 2, 60 - 3 - text_width("ABq", 2), "ABq", 2, 0);
  int ink = 0;
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 60; ++x) {
      EXPECT_EQ(*flat.at(x, y), *turned.at(y, 59 - x)) << x << "," << y;
      ink += *flat.at(x, y) == 0;
    }
  EXPECT_GT(ink, 50);
}

ScatterPlot two_points() {
  ScatterPlot plot;
  plot.labels = {"title", "x", "y"};
  plot.x = {0, 1};
  plot.y = {0, 1};
  plot.categories = {0, 1};
  plot.category_names = {"low", "high"};
  return plot;
}

TEST(Scatter, PutsEachPointAtItsPlaceInItsColour) {
  const Image image = draw_scatter(two_points());
  EXPECT_EQ(image.channels, 3);
  // 4 % of margin on either side of 0 ... 1.
  const auto at = [](double v, int pixels) {
    return static_cast<int>(std::lround((v + 0.04) / 1.08 * (pixels - 1)));
  };
  const int left = Axes::kLeft + at(0, 560), right = Axes::kLeft + at(1, 560);
  const int low = Axes::kTop + 479 - at(0, 480), high = Axes::kTop + 479 - at(1, 480);
  EXPECT_EQ(color_at(image, left, low), category_color(0));
  EXPECT_EQ(color_at(image, right, high), category_color(1));
  EXPECT_EQ(color_at(image, left, high), kWhite);
  EXPECT_EQ(color_at(image, left + 2, low), category_color(0)) << "a disc of radius 2";
  EXPECT_EQ(color_at(image, left + 3, low), kWhite);
  EXPECT_EQ(color_at(image, left + 2, low + 2), kWhite) << "the corners are round";
  EXPECT_EQ(count_color(image, kInside, category_color(0)), count_color(image, kInside, category_color(1)));
  // The frame, and the legend's swatches right of it.
  EXPECT_EQ(color_at(image, Axes::kLeft, Axes::kTop + 100), kBlack);
  const Box beyond{Axes::kLeft + 560, 0, image.width - Axes::kLeft - 560, image.height};
  EXPECT_GT(count_color(image, beyond, category_color(0)), 50);
  EXPECT_GT(count_color(image, beyond, category_color(1)), 50);
}

TEST(Scatter, MarkersHaveShapes) {
  ScatterPlot plot = two_points();
  plot.radius = 3;
  std::vector<int> ink;
  for (int marker = 0; marker < kMarkers; ++marker) {
    plot.markers = {marker, marker};
    plot.marker_names = {"a", "b", "c", "d"};
    ink.push_back(count_color(draw_scatter(plot), kInside, category_color(0)));
  }
  EXPECT_THAT(ink, ElementsAre(37, 25, 1 + 1 + 3 + 3 + 5 + 5 + 7, 13));
}

TEST(Scatter, ValuesHaveAColourBar) {
  ScatterPlot plot = two_points();
  plot.categories.clear();
  plot.category_names.clear();
  plot.values = {-4, 6};
  plot.value_label = "energy";
  plot.radius = 3;
  const Image image = draw_scatter(plot);
  EXPECT_EQ(count_color(image, kInside, scale_color(0)), 37);
  EXPECT_EQ(count_color(image, kInside, scale_color(1)), 37);
  const int bar = Axes::kLeft + 560 + 12 + 9;
  EXPECT_EQ(color_at(image, bar, Axes::kTop + 478), scale_color(1 / 479.0));
  EXPECT_EQ(color_at(image, bar, Axes::kTop + 1), scale_color(478 / 479.0));
}

TEST(Scatter, NoGroupHidesTheOthers) {
  ScatterPlot plot;
  for (int i = 0; i < 4000; ++i) {
    plot.x.push_back(std::sin(1.1 * i));
    plot.y.push_back(std::cos(2.3 * i));
    plot.categories.push_back(i / 2000);
  }
  plot.category_names = {"first", "second"};
  const Image image = draw_scatter(plot);
  const double first = count_color(image, kInside, category_color(0)),
               second = count_color(image, kInside, category_color(1));
  EXPECT_NEAR(first / (first + second), 0.5, 0.1);
}

TEST(Scatter, RefusesWhatItCannotDraw) {
  const auto refused = [](auto change) {
    ScatterPlot plot = two_points();
    change(plot);
    EXPECT_THROW(draw_scatter(plot), engine::Error);
  };
  refused([](ScatterPlot& p) { p.y.pop_back(); });
  refused([](ScatterPlot& p) { p.categories.clear(); });
  refused([](ScatterPlot& p) { p.values = {1, 2}; });
  refused([](ScatterPlot& p) { p.categories[1] = 2; });
  refused([](ScatterPlot& p) { p.markers = {0, 0}; });
  refused([](ScatterPlot& p) { p.x = {std::nan(""), std::nan("")}; });
}

TEST(Histogram, SharesAreOfEachSeries) {
  Histogram histogram;
  histogram.bins = 4;
  histogram.series = {{"a", {0, 1, 1, 4}}, {"b", {2.5, std::nan("")}}, {"none", {}}};
  const HistogramBins bins = bin(histogram);
  EXPECT_THAT(bins.edges, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(bins.shares[0], ElementsAre(0.25, 0.5, 0, 0.25));
  EXPECT_THAT(bins.shares[1], ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(bins.shares[2], ElementsAre(0, 0, 0, 0));
}

TEST(Histogram, BarsAreAsHighAsTheirShares) {
  Histogram histogram;
  histogram.bins = 4;
  histogram.series = {{"a", {0, 1, 1, 4}}};
  const Image image = draw_histogram(histogram);
  // The highest share, 0.5, is at 1 / 1.05 of the height.
  const auto top = [](double share) {
    return Axes::kTop + 479 - static_cast<int>(std::lround(share / 0.525 * 479));
  };
  const auto column = [](double v) { return Axes::kLeft + static_cast<int>(std::lround(v / 4 * 559)); };
  for (const auto& [middle, share] : {std::pair(0.5, 0.25), {1.5, 0.5}, {3.5, 0.25}}) {
    EXPECT_EQ(color_at(image, column(middle), top(share)), category_color(0)) << middle;
    EXPECT_EQ(color_at(image, column(middle), top(share) - 2), kWhite) << middle;
  }
  for (int y = Axes::kTop + 1; y < Axes::kTop + 478; ++y)
    ASSERT_EQ(color_at(image, column(2.5), y), kWhite) << "the third bin is empty";
}

TEST(HistogramRows, FillTheirRowsAndShowTheMedian) {
  Histogram histogram;
  histogram.bins = 4;
  histogram.size = {561, 80};
  histogram.series = {{"a", {0, 1, 1, 4}}, {"b", {2.5, std::nan("")}}, {"none", {}}};
  const Image image = draw_histogram_rows(histogram);
  EXPECT_EQ(image.height, Axes::kTop + 3 * kSmallestRow + Axes::kBottom) << "rows keep their height";
  const auto column = [](double v) { return Axes::kLeft + static_cast<int>(140 * v); };
  const auto floor = [](int row) { return Axes::kTop + (row + 1) * kSmallestRow - 1; };
  // Every row's highest bar is 28 pixels high.
  EXPECT_EQ(color_at(image, column(0.5), floor(0) - 14), category_color(0));
  EXPECT_EQ(color_at(image, column(0.5), floor(0) - 15), kWhite);
  EXPECT_EQ(color_at(image, column(1.5), floor(0) - 28), category_color(0));
  EXPECT_EQ(color_at(image, column(1.5), floor(0) - 29), kWhite);
  EXPECT_EQ(color_at(image, column(2.2), floor(1) - 28), category_color(1));
  EXPECT_EQ(color_at(image, column(2.2), floor(0) - 1), kWhite);
  EXPECT_EQ(color_at(image, column(1), floor(0) - 20), kBlack) << "the median";
  EXPECT_EQ(color_at(image, column(2.5), floor(1) - 20), kBlack) << "the median";
  EXPECT_EQ(color_at(image, column(2.5), floor(2) - 10), kWhite);
}

TEST(Histogram, RefusesNothing) {
  Histogram histogram;
  histogram.series = {{"a", {}}};
  EXPECT_THROW(draw_histogram(histogram), engine::Error);
  histogram.series = {{"a", {1}}};
  histogram.bins = 0;
  EXPECT_THROW(draw_histogram(histogram), engine::Error);
}

TEST(Beside, JoinsPicturesOnWhite) {
  const Image pictures[] = {Image::filled(3, 2, 1, 10), Image::filled(2, 4, 3, 20)};
  const Image figure = beside(pictures, 5);
  EXPECT_EQ(figure.width, 10);
  EXPECT_EQ(figure.height, 4);
  EXPECT_EQ(color_at(figure, 2, 1), (Color{10, 10, 10}));
  EXPECT_EQ(color_at(figure, 2, 2), kWhite);
  EXPECT_EQ(color_at(figure, 5, 0), kWhite);
  EXPECT_EQ(color_at(figure, 9, 3), (Color{20, 20, 20}));
  EXPECT_THROW(beside({}), engine::Error);
}

TEST(Rows, PlacesImagesBesideTheirNames) {
  const std::vector<float> grey(64, 0.0f), black(64, -1.0f);
  const RowBlock blocks[] = {{"one", 2, {{grey.data(), black.data()}, {}}},
                             {"two", 1, {{black.data()}, {grey.data()}}}};
  const Image figure = make_rows(blocks, {"0", "1"}, {1, 8, 8}, 3);
  // Names (8 + 10), gap 8, block of 2 + 2 * 26, gap 16, block of 2 + 26.
  EXPECT_EQ(figure.width, 18 + 8 + 54 + 16 + 28);
  EXPECT_EQ(figure.height, 24 + 2 + 2 * 26);
  EXPECT_EQ(figure.channels, 1);
  const int left = 26, right = left + 54 + 16, top = 24 + 2;
  EXPECT_EQ(*figure.at(left + 2 + 12, top + 12), 128);
  EXPECT_EQ(*figure.at(left + 28 + 12, top + 12), 0);
  EXPECT_EQ(*figure.at(left + 2 + 12, top + 26 + 12), 255) << "no image";
  EXPECT_EQ(*figure.at(right + 2 + 12, top + 12), 0);
  EXPECT_EQ(*figure.at(right + 2 + 12, top + 26 + 12), 128);
  int ink = 0;
  for (int y = top; y < top + 26; ++y)
    for (int x = 8; x < 18; ++x) ink += *figure.at(x, y) == 0;
  EXPECT_GT(ink, 20) << "the name of the first row";
  EXPECT_THROW(make_rows(blocks, {"0"}, {1, 8, 8}), engine::Error);
  const RowBlock full[] = {{"", 1, {{grey.data(), grey.data()}}}};
  EXPECT_THROW(make_rows(full, {"0"}, {1, 8, 8}), engine::Error);
  EXPECT_THROW(make_rows({}, {"0"}, {1, 8, 8}), engine::Error);
}

TEST(Rows, TitleIsAboveThePicture) {
  const Image figure = with_title(Image::filled(80, 10, 1, 77), "AB");
  EXPECT_EQ(figure.height, 10 + 32);
  EXPECT_EQ(*figure.at(5, 31), 255);
  EXPECT_EQ(*figure.at(5, 32), 77);
  int ink = 0;
  for (int x = 0; x < 80; ++x)
    for (int y = 0; y < 32; ++y) ink += *figure.at(x, y) == 0;
  EXPECT_GT(ink, 50);
  EXPECT_EQ(with_title(Image::filled(8, 10, 1, 77), "AB").width, text_width("AB", 2) + 16);
}

}  // namespace
}  // namespace mebm::report
