#pragma once
// MNIST and Fashion-MNIST: idx files, plain or gzip-compressed (names as published, with or without .gz).
//
// Big-endian 32-bit words: magic 0x00000803, N, rows, columns, then bytes for images; magic 0x00000801, N,
// then bytes for labels.

#include <filesystem>
#include <string>
#include <vector>

#include "data/image_set.h"

namespace mebm::data {

struct IdxLayout {
  std::string name;                     // mnist | fashion-mnist
  std::vector<std::string> subfolders;  // tried below the given path, in order; "" is the path itself
  std::string source;                   // where a user downloads the files
  std::int64_t train_count = 60000, test_count = 10000;
  int side = 28;
  int num_classes = 10;
};

const IdxLayout& mnist_layout();
const IdxLayout& fashion_mnist_layout();

// What to tell a user whose file is missing or broken.
std::string idx_advice(const IdxLayout& layout);

// Both files of one split, decompressed, headers included.
struct IdxSplit {
  std::filesystem::path image_path, label_path;
  std::vector<std::uint8_t> image_file, label_file;
};
inline constexpr std::int64_t kIdxImageHeader = 16, kIdxLabelHeader = 8;  // bytes before the data

// Reads both files of a split. InputError: missing file, wrong magic (file, offset, value), wrong size or
// count in the header, truncated or over-long data, label out of range.
IdxSplit read_idx_split(const IdxLayout& layout, const std::filesystem::path& path, Split split);

// The same as a set, padded to 32x32.
ImageSet read_idx(const IdxLayout& layout, const std::filesystem::path& path, Split split);

}  // namespace mebm::data
