#include "report/palette.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "engine/core/error.h"

namespace mebm::report {
namespace {

constexpr std::size_t kMostColours = 256;
constexpr int kCellBits = 6;  // of a channel: pixels are told apart this finely when colours are chosen
constexpr int kRefinements = 3;

Colour colour_at(const Image& image, std::size_t pixel) {
  const std::uint8_t* p = image.pixels.data() + pixel * static_cast<std::size_t>(image.channels);
  return image.channels == 1 ? Colour{p[0], p[0], p[0]} : Colour{p[0], p[1], p[2]};
}

std::uint32_t packed(const Colour& c) {
  return (std::uint32_t{c[0]} << 16) | (std::uint32_t{c[1]} << 8) | c[2];
}

std::size_t pixels_of(const Image& image) {
  return image.pixels.size() / static_cast<std::size_t>(image.channels);
}

// Every pixel exact; nullopt for more than 256 colours.
std::optional<Paletted> exact(const Image& image) {
  Paletted out;
  std::unordered_map<std::uint32_t, std::uint8_t> known;
  out.indices.resize(pixels_of(image));
  for (std::size_t i = 0; i < out.indices.size(); ++i) {
    const Colour colour = colour_at(image, i);
    const auto found = known.find(packed(colour));
    if (found != known.end()) {
      out.indices[i] = found->second;
      continue;
    }
    if (out.colours.size() == kMostColours) return std::nullopt;
    const auto index = static_cast<std::uint8_t>(out.colours.size());
    known.emplace(packed(colour), index);
    out.colours.push_back(colour);
    out.indices[i] = index;
  }
  return out;
}

using Point = std::array<double, 3>;

// Pixels of nearly one colour.
struct Cell {
  std::uint32_t count = 0;
  Point sum{};
  Point mean() const { return {sum[0] / count, sum[1] / count, sum[2] / count}; }
};

std::uint32_t cell_of(const Colour& c) {
  constexpr int kDropped = 8 - kCellBits;
  return (std::uint32_t{static_cast<std::uint8_t>(c[0] >> kDropped)} << (2 * kCellBits)) |
         (std::uint32_t{static_cast<std::uint8_t>(c[1] >> kDropped)} << kCellBits) |
         static_cast<std::uint32_t>(c[2] >> kDropped);
}

// Cells begin ... end - 1, their mean, and their squared error along each axis.
struct Box {
  std::size_t begin = 0, end = 0;
  Point mean{}, error{};
  double worst() const { return std::max({error[0], error[1], error[2]}); }
};

Box box_of(const std::vector<Cell>& cells, std::size_t begin, std::size_t end) {
  Box box{begin, end, {}, {}};
  double count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    count += cells[i].count;
    for (std::size_t a = 0; a < 3; ++a) box.mean[a] += cells[i].sum[a];
  }
  for (double& m : box.mean) m /= count;
  for (std::size_t i = begin; i < end; ++i)
    for (std::size_t a = 0; a < 3; ++a) {
      const double d = cells[i].mean()[a] - box.mean[a];
      box.error[a] += d * d * cells[i].count;
    }
  return box;
}

// Median cuts; returns the boxes' means.
std::vector<Point> cut(std::vector<Cell>& cells) {
  std::vector<Box> boxes{box_of(cells, 0, cells.size())};
  while (boxes.size() < kMostColours) {
    const auto widest = std::max_element(boxes.begin(), boxes.end(),
                                         [](const Box& a, const Box& b) { return a.worst() < b.worst(); });
    if (widest->worst() <= 0) break;
    const Box box = *widest;
    const auto axis =
        static_cast<std::size_t>(std::max_element(box.error.begin(), box.error.end()) - box.error.begin());
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(box.begin);
    const auto last = cells.begin() + static_cast<std::ptrdiff_t>(box.end);
    const auto middle =
        std::partition(first, last, [&](const Cell& c) { return c.mean()[axis] <= box.mean[axis]; });
    const auto at = static_cast<std::size_t>(middle - cells.begin());
    if (at == box.begin || at == box.end) break;  // differences below rounding
    *widest = box_of(cells, box.begin, at);
    boxes.push_back(box_of(cells, at, box.end));
  }
  std::vector<Point> means;
  for (const Box& box : boxes) means.push_back(box.mean);
  return means;
}

std::size_t nearest(const std::vector<Point>& colours, const Point& p) {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const double r = colours[i][0] - p[0], g = colours[i][1] - p[1], b = colours[i][2] - p[2];
    const double distance = r * r + g * g + b * b;
    if (distance >= least) continue;
    least = distance;
    best = i;
  }
  return best;
}

// Every colour becomes the mean of the pixels nearest to it.
void refine(const std::vector<Cell>& cells, std::vector<Point>& colours) {
  std::vector<Cell> taken(colours.size());
  for (const Cell& cell : cells) {
    Cell& to = taken[nearest(colours, cell.mean())];
    to.count += cell.count;
    for (std::size_t a = 0; a < 3; ++a) to.sum[a] += cell.sum[a];
  }
  for (std::size_t i = 0; i < colours.size(); ++i)
    if (taken[i].count > 0) colours[i] = taken[i].mean();
}

}  // namespace

Paletted make_paletted(const Image& image) {
  engine::require(image.channels == 1 || image.channels == 3, "a palette for {} channels", image.channels);
  if (std::optional<Paletted> own = exact(image)) return std::move(*own);
  std::unordered_map<std::uint32_t, std::size_t> place;  // of a cell
  std::vector<std::uint32_t> key_of_pixel(pixels_of(image));
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < key_of_pixel.size(); ++i) {
    const Colour colour = colour_at(image, i);
    key_of_pixel[i] = cell_of(colour);
    const auto [found, fresh] = place.emplace(key_of_pixel[i], cells.size());
    if (fresh) cells.emplace_back();
    Cell& cell = cells[found->second];
    ++cell.count;
    for (std::size_t a = 0; a < 3; ++a) cell.sum[a] += colour[a];
  }
  std::vector<Cell> sorted = cells;
  std::vector<Point> colours = cut(sorted);
  for (int i = 0; i < kRefinements; ++i) refine(sorted, colours);
  std::vector<std::uint8_t> index_of_cell(cells.size());
  for (std::size_t c = 0; c < cells.size(); ++c)
    index_of_cell[c] = static_cast<std::uint8_t>(nearest(colours, cells[c].mean()));
  Paletted out;
  for (const Point& p : colours)
    out.colours.push_back({static_cast<std::uint8_t>(p[0] + 0.5), static_cast<std::uint8_t>(p[1] + 0.5),
                           static_cast<std::uint8_t>(p[2] + 0.5)});
  for (const std::uint32_t key : key_of_pixel) out.indices.push_back(index_of_cell[place.at(key)]);
  return out;
}

}  // namespace mebm::report
