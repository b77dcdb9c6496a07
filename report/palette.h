#pragma once
// Images in at most 256 colours.

#include <array>
#include <cstdint>
#include <vector>

#include "report/png.h"

namespace mebm::report {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

struct Paletted {
  std::vector<Colour> colours;        // 1 ... 256
  std::vector<std::uint8_t> indices;  // [height, width]
};

// The image in its own colours where they are at most 256 (every grey image), else in 256 found by median
// cuts: the box of colours with the largest squared error is divided at its mean along its longest axis,
// until there are 256; then every pixel takes the nearest box's mean. Not dithered: frames of an animation
// would flicker.
Paletted make_paletted(const Image& image);

}  // namespace mebm::report
