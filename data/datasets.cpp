#include "data/datasets.h"

#include <algorithm>
#include <array>

#include "data/cifar.h"
#include "data/idx.h"
#include "data/images_hdf5.h"
#include "engine/core/error.h"

namespace mebm::data {
namespace fs = std::filesystem;
namespace {

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// How the set `images` reads a path: the first container whose `accepts` holds. A folder of PNGs is one more
// row.
struct ImageContainer {
  std::string_view what;
  bool (*accepts)(const fs::path& path);
  ImageSet (*read)(const fs::path& path);
};

constexpr std::array<ImageContainer, 1> kContainers{{
    {"an HDF5 file with a dataset `images` [N,C,H,W]", is_file,
     [](const fs::path& path) { return read_images_hdf5(path); }},
}};

ImageSet read_images(const fs::path& path, Split split) {
  std::error_code error;
  if (!fs::exists(path, error))
    engine::fail_input("{} does not exist; data.set images needs a file", path.string());
  for (const ImageContainer& container : kContainers)
    if (container.accepts(path)) {
      ImageSet set = container.read(path);
      set.split = split_name(split);
      return set;
    }
  std::string known;
  for (const ImageContainer& container : kContainers)
    known += (known.empty() ? "" : ", ") + std::string(container.what);
  engine::fail_input("{}: data.set images reads {}", path.string(), known);
}

// One row per value of the configuration's data.set. SVHN, ImageNet 32x32 and others slot in as rows.
struct DatasetReader {
  std::string_view name;
  ImageSet (*read)(const fs::path& path, Split split);
};

constexpr std::array<DatasetReader, 5> kReaders{{
    {"cifar10", [](const fs::path& path, Split split) { return read_cifar(cifar10_layout(), path, split); }},
    {"cifar100",
     [](const fs::path& path, Split split) { return read_cifar(cifar100_layout(), path, split); }},
    {"fashion-mnist",
     [](const fs::path& path, Split split) { return read_idx(fashion_mnist_layout(), path, split); }},
    {"mnist", [](const fs::path& path, Split split) { return read_idx(mnist_layout(), path, split); }},
    {"images", read_images},
}};

// An images file given for a set with files of its own is named for what it is.
void refuse_images_file(std::string_view set_name, const fs::path& path) {
  const std::string extension = path.extension().string();
  if (set_name != "images" && is_file(path) && (extension == ".h5" || extension == ".hdf5"))
    engine::fail_input("{}: is an images file, not {}; name the set images for it (data.set, --data-set)",
                       path.string(), set_name);
}

}  // namespace

std::string known_datasets() {
  std::string names;
  for (const DatasetReader& reader : kReaders)
    names += (names.empty() ? "" : ", ") + std::string(reader.name);
  return names;
}

ImageSet load_dataset(std::string_view set_name, const fs::path& path, Split split) {
  for (const DatasetReader& reader : kReaders)
    if (reader.name == set_name) {
      refuse_images_file(set_name, path);
      ImageSet set = reader.read(path, split);
      set.path = path.string();
      return set;
    }
  engine::fail_input("unknown data set '{}': {}", set_name, known_datasets());
}

}  // namespace mebm::data
