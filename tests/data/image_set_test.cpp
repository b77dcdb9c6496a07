// Decoding, padding, split names and the registry's refusals.
#include "data/image_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/datasets.h"
#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

using testing::HasSubstr;

TEST(Decode, MapsBytesLinearlyToMinusOneToOne) {
  ImageSet set;
  set.channels = 1;
  set.height = 1;
  set.width = 3;
  set.pixels = {9, 9, 9, 0, 51, 255};
  ASSERT_EQ(set.count(), 2);
  double wide[3];
  decode(set, 1, wide);
  EXPECT_DOUBLE_EQ(wide[0], -1.0);
  EXPECT_NEAR(wide[1], -0.6, 1e-15);  // 51/127.5 = 0.4
  EXPECT_DOUBLE_EQ(wide[2], 1.0);
  float narrow[3];
  decode(set, 1, narrow);
  EXPECT_EQ(narrow[0], -1.0f);
  EXPECT_NEAR(narrow[1], -0.6f, 1e-7f);
  EXPECT_EQ(narrow[2], 1.0f);
}

TEST(Decode, CopiesFloatSetsAndChecksTheIndex) {
  ImageSet set;
  set.channels = 2;
  set.height = set.width = 1;
  set.values = {-1.0f, 0.25f, 0.5f, 1.0f};
  double out[2];
  decode(set, 1, out);
  EXPECT_EQ(out[0], 0.5);
  EXPECT_EQ(out[1], 1.0);
  EXPECT_THROW(decode(set, 2, out), engine::Error);
  EXPECT_THROW(decode(set, -1, out), engine::Error);
}

TEST(Padding, CentresThe28x28ImagesOnly) {
  ImageSet set;
  set.channels = 1;
  set.height = set.width = 28;
  set.pixels.assign(2 * 28 * 28, 7);
  set.pixels[28 * 28 + 5 * 28 + 3] = 200;  // image 1, row 5, column 3
  pad_to_network_size(set);
  EXPECT_EQ(set.height, 32);
  EXPECT_EQ(set.count(), 2);
  EXPECT_EQ(set.pixels[1024 + 7 * 32 + 5], 200);
  EXPECT_EQ(std::count(set.pixels.begin(), set.pixels.end(), 0), 2 * (1024 - 784));
  for (int i = 0; i < 32; ++i)
    for (int edge : {0, 1, 30, 31}) {
      EXPECT_EQ(set.pixels[i * 32 + edge], 0);
      EXPECT_EQ(set.pixels[edge * 32 + i], 0);
    }

  ImageSet values;
  values.channels = 1;
  values.height = values.width = 28;
  values.values.assign(28 * 28, 0.5f);
  pad_to_network_size(values);
  EXPECT_EQ(values.values.size(), 1024u);
  EXPECT_EQ(values.values[0], -1.0f);
  EXPECT_EQ(values.values[2 * 32 + 2], 0.5f);

  ImageSet other;
  other.channels = 1;
  other.height = 28;
  other.width = 30;
  other.pixels.assign(28 * 30, 1);
  pad_to_network_size(other);
  EXPECT_EQ(other.width, 30);
}

TEST(Split, NamesRoundTrip) {
  EXPECT_EQ(parse_split("train"), Split::train);
  EXPECT_EQ(parse_split("test"), Split::test);
  EXPECT_EQ(split_name(Split::test), "test");
  EXPECT_THAT(test::input_error([] { parse_split("val"); }), HasSubstr("unknown split 'val': train or test"));
}

TEST(Registry, RefusesUnknownSetsListingTheKnown) {
  EXPECT_THAT(test::input_error([] { load_dataset("cifar11", "/", Split::train); }),
              HasSubstr("unknown data set 'cifar11': cifar10, cifar100, fashion-mnist, mnist, images"));
}

TEST(Registry, ImagesNeedAFile) {
  test::TemporaryFolder folder;
  EXPECT_THAT(test::input_error([&] { load_dataset("images", folder / "absent.h5", Split::train); }),
              HasSubstr("absent.h5 does not exist"));
  EXPECT_THAT(test::input_error([&] { load_dataset("images", folder.path(), Split::train); }),
              HasSubstr("an HDF5 file with a dataset `images` [N,C,H,W]"));
}

}  // namespace
}  // namespace mebm::data
