#include "data/images_hdf5.h"

#include "engine/core/error.h"

namespace mebm::data {

ImageSet read_images_hdf5(const std::filesystem::path& path) {
  engine::fail_input("{}: this build reads no HDF5 files", path.string());
}

}  // namespace mebm::data
