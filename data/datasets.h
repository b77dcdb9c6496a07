#pragma once
// The one entry point to every data set. A new set is a row of the table in datasets.cpp.

#include <filesystem>
#include <string>
#include <string_view>

#include "data/image_set.h"

namespace mebm::data {

// Reads one split of a set. `path` is the folder or archive of the set, or the file of `images` (which has no
// splits of its own: the file is the split). InputError, one line: unknown set (the known ones listed),
// missing, truncated or over-long file, wrong magic, record count, label out of range.
ImageSet load_dataset(std::string_view set_name, const std::filesystem::path& path, Split split);

// cifar10, cifar100, ... for messages.
std::string known_datasets();

}  // namespace mebm::data
