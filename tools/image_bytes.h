#pragma once
// Images as bytes, which distances between sets of images are measured from.

#include <cstdint>
#include <vector>

#include "data/image_set.h"

namespace mebm::tools {

enum class Rounding { nearest, truncate };

// (x + 1) 127.5 as a byte: to the nearest, or the fraction dropped as the reference's code does; x beyond
// [-1, 1] becomes 0 or 255.
std::uint8_t to_byte(double x, Rounding rounding);
// The bytes of a set, whose floats go to the nearest.
std::vector<std::uint8_t> bytes_of(const data::ImageSet& set);
// Adds the bytes of the first `rows` images [N,C,H,W]. Error for a number that is not finite.
void append_bytes(const engine::Tensor& images, std::int64_t rows, Rounding rounding,
                  std::vector<std::uint8_t>& to);

}  // namespace mebm::tools
