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

constexpr std::array<ImageContainer, 1> kContainers{{
    {"an HDF5 file with a dataset `images` [N,C,H,W]", is_file, read_images_hdf5},
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

constexpr std::array<DatasetReader, 5> kReaders{{
    {"cifar10", "CIFAR-10, official binary version (folder or .tar.gz)",
     [](const fs::path& path, Split split) { return read_cifar(cifar10_layout(), path, split); }},
    {"cifar100", "CIFAR-100, official binary version (folder or .tar.gz), fine labels",
     [](const fs::path& path, Split split) { return read_cifar(cifar100_layout(), path, split); }},
    {"fashion-mnist", "Fashion-MNIST idx files, plain or .gz, padded to 32x32",
     [](const fs::path& path, Split split) { return read_idx(fashion_mnist_layout(), path, split); }},
    {"mnist", "MNIST idx files, plain or .gz, padded to 32x32",
     [](const fs::path& path, Split split) { return read_idx(mnist_layout(), path, split); }},
    {"images", "an HDF5 images file", read_images},
}};

}  // namespace

std::span<const DatasetReader> dataset_readers() {
  return kReaders;
}

std::span<const ImageContainer> image_containers() {
  return kContainers;
}

std::string known_datasets() {
  std::string names;
  for (const DatasetReader& reader : kReaders)
    names += (names.empty() ? "" : ", ") + std::string(reader.name);
  return names;
}

ImageSet load_dataset(std::string_view set_name, const fs::path& path, Split split) {
  for (const DatasetReader& reader : kReaders)
    if (reader.name == set_name) return reader.read(path, split);
  engine::fail_input("unknown data set '{}': {}", set_name, known_datasets());
}

}  // namespace mebm::data
