#pragma once
// Pictures put together: blocks of images whose rows have names (one row for each class, say), pictures side
// by side, titles.

#include <span>
#include <string>
#include <vector>

#include "report/png.h"

namespace mebm::report {

struct ImageSize {
  int channels = 1, height = 0, width = 0;  // 1 or 3 channels

  int elements() const { return channels * height * width; }
};

// Up to `columns` images in each row; a row with fewer ends in white.
struct RowBlock {
  std::string caption;
  int columns = 0;
  std::vector<std::vector<const float*>> rows;  // each image [C,H,W] in [-1,1]
};

// Blocks from left to right, each below its caption, with row r of every block beside row_names[r]. Each
// image pixel is a square of `scale` pixels. Throws engine::Error on no blocks or rows, a row of more images
// than columns, or a block of another number of rows.
Image make_rows(std::span<const RowBlock> blocks, const std::vector<std::string>& row_names,
                const ImageSize& size, int scale = 2);

// A line of text above a picture, which becomes wider where the text is.
Image with_title(const Image& picture, const std::string& title);

// Pictures side by side on white, top edges aligned; grey and colour may be mixed. Throws on no pictures.
Image beside(std::span<const Image> pictures, int gap = 24);

}  // namespace mebm::report
