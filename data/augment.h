#pragma once
// Augmentation of the labelled batch: reflect-pad 4, random crop back to size, random horizontal flip.

#include <cstdint>

#include "engine/core/random.h"

namespace mebm::data {

inline constexpr int kCropPadding = 4;

// Window of the reflect-padded image: its top-left corner, 0 ... 2*kCropPadding each, and whether it is
// mirrored.
struct Crop {
  int row = kCropPadding, column = kCropPadding;  // the default is the image itself
  bool flip = false;
};

// The crop of position `position` of the labelled batch in `iteration`, a pure function of (key, iteration,
// position): words of random_words(key, crop, iteration, slot 0, step 0, group = position); row from word 0,
// column from word 1, flip the top bit of word 2.
Crop draw_crop(engine::PhiloxKey key, std::uint32_t iteration, std::uint32_t position);

// out [C,H,W] <- the crop of image [C,H,W] (must not overlap). The border is PyTorch's `reflect`: pixel -1 is
// pixel 1, the edge itself is not repeated. Needs height, width > kCropPadding and a window inside the padded
// image; Error otherwise. T = float, double.
template <typename T>
void apply_crop(const T* image, int channels, int height, int width, const Crop& crop, T* out);

}  // namespace mebm::data
