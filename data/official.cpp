#include "data/official.h"

#include <array>

namespace mebm::data {
namespace {

constexpr std::array<OfficialFile, 6> kCifar10Files{{
    {"data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"},
    {"data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"},
    {"data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"},
    {"data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"},
    {"data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"},
    {"test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"},
}};

constexpr std::array<OfficialFile, 2> kCifar100Files{{
    {"train.bin", "6172c7755cfe09b2fe270c85cebc1b15"},
    {"test.bin", "4499cfba6c016c1be1438163640a0898"},
}};

constexpr std::array<OfficialFile, 4> kFashionMnistFiles{{
    {"train-images-idx3-ubyte", "f4a8712d7a061bf5bd6d2ca38dc4d50a"},
    {"train-labels-idx1-ubyte", "9018921c3c673c538a1fc5bad174d6f9"},
    {"t10k-images-idx3-ubyte", "8181f5470baa50b63fa0f6fddb340f0a"},
    {"t10k-labels-idx1-ubyte", "15d484375f8d13e6eb1aabb0c3f46965"},
}};

constexpr std::array<OfficialFile, 4> kMnistFiles{{
    {"train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"},
    {"train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"},
    {"t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"},
    {"t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"},
}};

}  // namespace

const OfficialSet& official_cifar10() {
  static const OfficialSet set{"cifar10", "c32a1d4ab5d03f1284b67883e8d87530", kCifar10Files,
                               tables::kCifar10Train, tables::kCifar10Test};
  return set;
}

const OfficialSet& official_cifar100() {
  static const OfficialSet set{"cifar100", "03b5dce01913d631647c71ecec9e9cb8", kCifar100Files,
                               tables::kCifar100Train, tables::kCifar100Test};
  return set;
}

const OfficialSet& official_fashion_mnist() {
  static const OfficialSet set{"fashion-mnist", "", kFashionMnistFiles, tables::kFashionMnistTrain,
                               tables::kFashionMnistTest};
  return set;
}

const OfficialSet& official_mnist() {
  static const OfficialSet set{"mnist", "", kMnistFiles, {}, {}};
  return set;
}

}  // namespace mebm::data
