#pragma once
// CIFAR-10 and CIFAR-100 in their official binary layouts (https://www.cs.toronto.edu/~kriz/cifar.html).
//
// A file is a run of records <labels><1024 red><1024 green><1024 blue>, pixels row-major 32x32. CIFAR-10 has
// one label byte, CIFAR-100 two (coarse, then fine; the fine one is the class).

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_set.h"
#include "data/sources.h"

namespace mebm::data {

struct CifarLayout {
  std::string name;     // cifar10 | cifar100
  std::string archive;  // cifar-10-binary.tar.gz
  std::string folder;   // inside the archive
  std::vector<std::string> train_files;
  std::string test_file;
  std::int64_t train_records = 0;  // per file
  std::int64_t test_records = 0;
  std::vector<int> label_limits;  // classes of each label byte; the last one is the class used
  std::int64_t record_bytes() const { return static_cast<std::int64_t>(label_limits.size()) + 3 * 32 * 32; }
  int num_classes() const { return label_limits.back(); }
};

const CifarLayout& cifar10_layout();
const CifarLayout& cifar100_layout();

// What to tell a user whose file is missing or broken.
std::string cifar_advice(const CifarLayout& layout);

// The files of a split with their exact sizes.
std::vector<ExpectedFile> cifar_files(const CifarLayout& layout, Split split);

// Where the files are: the archive itself, a folder that holds it, the unpacked folder, or its parent.
// Unpacked files are preferred. InputError naming the first missing file when there is neither.
struct CifarLocation {
  std::filesystem::path folder;  // one of the two is empty
  std::filesystem::path archive;
};
CifarLocation locate_cifar(const CifarLayout& layout, const std::filesystem::path& path, Split split);

// Hands each file of the split on, size checked.
void read_cifar_files(const CifarLayout& layout, const std::filesystem::path& path, Split split,
                      const FileSink& sink);

// InputError when a label byte of `bytes` (whole records) is out of range: file, record, offset, value.
void check_cifar_labels(const CifarLayout& layout, const std::string& label,
                        std::span<const std::uint8_t> bytes);

// Reads one split; the images of several files follow each other in the files' order. InputError: missing,
// truncated or over-long file, label out of range (file, record, offset, value).
ImageSet read_cifar(const CifarLayout& layout, const std::filesystem::path& path, Split split);

}  // namespace mebm::data
