#pragma once
// A small labelled set of float images, the same in every test of whole iterations.

#include <cmath>

#include "data/image_set.h"

namespace mebm::ebm {

// `count` images of 3 x 8 x 8, four classes.
inline data::ImageSet striped_images(int count) {
  constexpr int kSide = 8, kChannels = 3, kClasses = 4;
  data::ImageSet set;
  set.name = "stripes";
  set.channels = kChannels;
  set.height = set.width = set.original_height = set.original_width = kSide;
  set.num_classes = kClasses;
  for (int i = 0; i < count * kChannels * kSide * kSide; ++i)
    set.values.push_back(static_cast<float>(std::sin(0.41 * i + 1e-3 * (i % 613))));
  for (int i = 0; i < count; ++i) set.labels.push_back(i % kClasses);
  return set;
}

}  // namespace mebm::ebm
