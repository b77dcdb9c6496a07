#include "data/images_hdf5.h"

#include <algorithm>
#include <utility>

#include "engine/core/error.h"
#include "engine/io/images_file.h"

namespace mebm::data {

ImageSet read_images_hdf5(const std::filesystem::path& path, bool pad, bool beyond) {
  constexpr std::int64_t kLargestLabel = 65535;
  engine::ImagesFile file = engine::read_images_file(path, beyond);
  ImageSet set;
  set.name = "images";
  set.channels = file.channels;
  set.height = set.original_height = file.height;
  set.width = set.original_width = file.width;
  set.pixels = std::move(file.bytes);
  set.values = std::move(file.values);
  set.values64 = std::move(file.values64);
  set.labels.reserve(file.labels.size());
  for (std::size_t record = 0; record < file.labels.size(); ++record) {
    const std::int64_t label = file.labels[record];
    if (label < 0 || label > kLargestLabel)
      engine::fail_input("{}: label {} out of range 0 ... {} in record {} of `labels`", path.string(), label,
                         kLargestLabel, record);
    set.labels.push_back(static_cast<std::int32_t>(label));
    set.num_classes = std::max(set.num_classes, static_cast<int>(label) + 1);
  }
  if (pad) pad_to_network_size(set);
  return set;
}

}  // namespace mebm::data
