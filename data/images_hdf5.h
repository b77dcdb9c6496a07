#pragma once
// The HDF5 images file (images [N,C,H,W], optional labels [N]) as an ImageSet.

#include <filesystem>

#include "data/image_set.h"

namespace mebm::data {

// Reads a file that engine/io has checked: rank, type, range, NaN. 28x28 images are padded to 32x32 where
// `pad`. num_classes is the largest label + 1, 0 without labels. InputError: unreadable file, label outside 0
// ... 65535. `beyond`: samples beyond [-1,1] are taken where the file says that its sampler allowed them.
ImageSet read_images_hdf5(const std::filesystem::path& path, bool pad = true, bool beyond = false);

}  // namespace mebm::data
