#pragma once
// What the official files of each set hold: checksums and record tables.
//
// Sources. MD5 of the CIFAR archives: https://www.cs.toronto.edu/~kriz/cifar.html. MD5 of the .bin files: as
// other projects publish them for the unpacked archives. MD5 of the MNIST and Fashion-MNIST files: of the
// decompressed content (whose .gz have the MD5 their publishers print; packages recompress them). Digests and
// record tables: computed by make_official_tables.py from the complete sets.

#include <cstdint>
#include <span>
#include <string_view>

namespace mebm::data {

struct OfficialFile {
  std::string_view name;  // data_batch_1.bin, train-images-idx3-ubyte
  std::string_view md5;   // of the decompressed content
};

struct OfficialSplit {
  std::string_view digest;  // SHA-256, hex, over the ascending SHA-256s of the records; empty = not known
  std::string_view table;   // RecordTable in base64; empty = not known
};

struct OfficialSet {
  std::string_view name;
  std::string_view archive_md5;  // of the .tar.gz; empty where the set has none
  std::span<const OfficialFile> files;
  OfficialSplit train, test;
};

const OfficialSet& official_cifar10();
const OfficialSet& official_cifar100();
const OfficialSet& official_fashion_mnist();
const OfficialSet& official_mnist();

namespace tables {
// Generated (official_tables_*.cpp).
extern const OfficialSplit kCifar10Train, kCifar10Test, kCifar100Train, kCifar100Test, kFashionMnistTrain,
    kFashionMnistTest;
}  // namespace tables

}  // namespace mebm::data
