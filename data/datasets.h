#pragma once
// The one entry point to every data set, and the table a new set is added to.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "data/image_set.h"

namespace mebm::data {

// One row per value of the configuration's data.set.
struct DatasetReader {
  std::string_view name;
  std::string_view what;  // one line for help and messages
  ImageSet (*read)(const std::filesystem::path& path, Split split);
};

// SVHN, ImageNet 32x32 and others slot in as rows.
std::span<const DatasetReader> dataset_readers();

// How the set `images` reads a path: the first container whose `accepts` holds. A folder of PNGs is one more
// row.
struct ImageContainer {
  std::string_view what;
  bool (*accepts)(const std::filesystem::path& path);
  ImageSet (*read)(const std::filesystem::path& path);
};
std::span<const ImageContainer> image_containers();

// Reads one split of a set. `path` is the folder or archive of the set, or the file of `images` (which has no
// splits of its own: the file is the split). InputError, one line: unknown set (the known ones listed),
// missing, truncated or over-long file, wrong magic, record count, label out of range.
ImageSet load_dataset(std::string_view set_name, const std::filesystem::path& path, Split split);

// cifar10, cifar100, ... for messages.
std::string known_datasets();

}  // namespace mebm::data
