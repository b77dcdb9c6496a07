#pragma once
// A training run of milliseconds an iteration that does everything an iteration can do: M-JEM, WRN-10-1, two
// steps.

#include <cstdint>

#include "data/image_set.h"
#include "ebm/config.h"

namespace mebm::selftest {

// 24 images of 3x8x8 in 4 classes: bytes with structure, so that gradients are not all alike.
data::ImageSet striped_images();

// For striped_images(); fp32.
ebm::Config small_mjem(std::uint64_t seed);

}  // namespace mebm::selftest
