#pragma once
// Grids of images and captioned panels, as the run directory's PNG files show them.

#include <cstdint>
#include <span>
#include <string>

#include "report/png.h"

namespace mebm::report {

// `count` images as one array [N,C,H,W] of float in [-1,1]; 1 or 3 channels. Does not own the values.
struct ImagesView {
  const float* values = nullptr;
  int count = 0;
  int channels = 1;
  int height = 0;
  int width = 0;
};

struct GridStyle {
  int columns = 0;  // images in a row; 0: the smallest number that makes the grid no taller than wide
  int scale = 2;    // each image pixel is a square of scale x scale pixels
  int padding = 2;  // pixels between images and around the grid
  std::uint8_t level = 255;  // grey level of the padding and of what is left of the last row
};

// Byte of a pixel in [-1,1]: clamp(round((x + 1) * 127.5), 0, 255); 0 where x is NaN.
std::uint8_t pixel_byte(float x);

// The images in reading order. Throws engine::Error on an empty set, other than 1 or 3 channels, or a style
// out of range (scale < 1, columns or padding < 0).
Image make_grid(const ImagesView& images, const GridStyle& style = {});

// One panel of a figure.
struct Panel {
  ImagesView images;
  std::string caption;
};

// Panels side by side with a gap, each a grid below its caption (black on white, centred, cut off if wider
// than the grid). Grey and colour panels may be mixed. Throws as make_grid; also on no panels.
Image make_panels(std::span<const Panel> panels, const GridStyle& style = {});

// "p0 | chains | data": where chains start, where they are, and what they should look like.
Image three_panel(const ImagesView& p0, const ImagesView& chains, const ImagesView& data,
                  const GridStyle& style = {});

}  // namespace mebm::report
