// Files made by h5py (make_fixtures.py) read as their formulas say.
#include <numeric>

#include "engine/io/checkpoint_file.h"
#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error;

Hdf5Reader fixture(const std::string& name) {
  return open_checked(std::string(MEBM_SOURCE_DIR "/tests/io/fixtures/") + name);
}

const std::vector<std::string> kIntegers{"int8",  "int16",  "int32",  "int64",
                                         "uint8", "uint16", "uint32", "uint64"};

TEST(Fixtures, Attributes) {
  const Hdf5Reader reader = fixture("attributes.h5");
  EXPECT_EQ(reader.attribute_string("/", "variable"), "mebm-checkpoint");
  EXPECT_EQ(reader.attribute_string("/", "variable_utf8"), "Grüße");
  EXPECT_EQ(reader.attribute_string("/", "empty"), "");
  EXPECT_EQ(reader.attribute_string("/", "fixed"), "wide_resnet");
  EXPECT_EQ(reader.attribute_string("/", "null_padded"), "head");
  for (const std::string& name : kIntegers) {
    EXPECT_EQ(reader.attribute_int("/", name), 100) << name;
    EXPECT_EQ(reader.attribute_int("/", name + "_big_endian"), 101) << name;
    EXPECT_EQ(reader.attribute_double("/", name), 100.0) << name;
  }
  EXPECT_EQ(reader.attribute_int("/", "one_element"), 7);
  EXPECT_EQ(reader.attribute_int("/", "negative"), -5);
  EXPECT_EQ(reader.attribute_int("/", "flag"), 1);
  EXPECT_EQ(reader.attribute_int("/", "whole"), 3);
  EXPECT_EQ(reader.attribute_double("/", "float16"), 0.5);
  EXPECT_EQ(reader.attribute_double("/", "float32"), 0.25);
  EXPECT_EQ(reader.attribute_double("/", "float64"), 0.2);
  EXPECT_EQ(reader.attribute_int("/group", "depth"), 10);
  EXPECT_EQ(reader.attribute_string("/scalar", "unit"), "nats");
  EXPECT_THAT(input_error([&] { reader.attribute_int("/", "huge"); }), HasSubstr("nor a single number"));
  EXPECT_THAT(input_error([&] { reader.attribute_int("/", "list"); }), HasSubstr("neither a single string"));
  EXPECT_THAT(input_error([&] { reader.attribute_double("/", "nothing"); }), HasSubstr("neither"));
}

TEST(Fixtures, DatasetsOfEveryTypeByteOrderAndLayout) {
  const Hdf5Reader reader = fixture("datasets.h5");
  std::vector<double> expected(24);
  std::iota(expected.begin(), expected.end(), 0.0);
  std::vector<std::string> names{"float32", "float64", "float32_big_endian", "float64_big_endian", "float16",
                                 "chunked", "gzip"};
  for (const std::string& name : kIntegers) {
    names.push_back(name);
    names.push_back(name + "_big_endian");
  }
  for (const std::string& name : names) {
    EXPECT_EQ(reader.read<double>("/" + name, {2, 3, 4}), expected) << name;
    const auto bytes = reader.read<std::uint8_t>("/" + name, {2, 3, 4});
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin())) << name;
  }
  EXPECT_EQ(reader.dataset("/uint16_big_endian").type, Hdf5Type::u16);
  EXPECT_EQ(reader.read<std::int64_t>("/scalar", {}), std::vector<std::int64_t>{12});
  EXPECT_EQ(reader.read<std::int64_t>("/soft", {}), std::vector<std::int64_t>{12});
  EXPECT_TRUE(reader.read<float>("/zero", {3, 0, 2}).empty());
  EXPECT_THAT(reader.read<float>("/unwritten", {4}), Each(2.5f));
  const auto flags = reader.read<std::uint8_t>("/bool", {2, 3, 4});
  for (std::size_t i = 0; i < flags.size(); ++i) EXPECT_EQ(flags[i], i % 2);
  EXPECT_EQ(reader.read<double>("/nested/cycle/deeper/leaf", {}), std::vector<double>{0.5});
}

TEST(Fixtures, WhatCannotBeReadIsNamed) {
  const Hdf5Reader reader = fixture("datasets.h5");
  for (const std::string name : {"text", "compound"})
    EXPECT_THAT(input_error([&] { reader.read<float>("/" + name, {2}); }),
                HasSubstr("neither integers nor floats"));
  EXPECT_FALSE(reader.exists("/dangling"));
  EXPECT_FALSE(reader.exists("/outside"));
  EXPECT_THAT(input_error([&] { reader.read<float>("/outside", {2}); }), HasSubstr("'/outside'"));
  for (const Hdf5Entry& entry : reader.list("/")) {
    const bool link = entry.name == "dangling" || entry.name == "outside";
    EXPECT_EQ(entry.kind == Hdf5Kind::other, link) << entry.name;
  }
}

TEST(Fixtures, AbsurdSizesAreRefusedBeforeAllocation) {
  const std::string path = MEBM_SOURCE_DIR "/tests/io/fixtures/absurd.h5";
  EXPECT_THAT(input_error([&] { open_checked(path); }), HasSubstr("absurd.h5"));
  const Hdf5Reader reader(path);
  const auto message = [&](const std::string& name) {
    return input_error([&] { reader.read_at_most<float>(name, std::int64_t{1} << 62); });
  };
  EXPECT_THAT(message("/chunked"), HasSubstr("declares shape [1099511627776]"));
  EXPECT_THAT(message("/overflow"), HasSubstr("more than 2^63 bytes"));
  EXPECT_THAT(message("/unallocated"), HasSubstr("more than a file of"));
  EXPECT_THAT(message("/bomb"), HasSubstr("536870912 bytes"));
  EXPECT_THAT(message("/external"), HasSubstr("in other files"));
  EXPECT_THAT(message("/virtual"), HasSubstr("in other files"));
}

TEST(Fixtures, CheckpointsInOldAndNewMetadataFormat) {
  for (const std::string name : {"checkpoint.h5", "checkpoint_v0.h5"}) {
    const Hdf5Reader reader = fixture(name);
    EXPECT_EQ(reader.attribute_string("/", "format"), "mebm-checkpoint");
    EXPECT_EQ(reader.list("/model/parameters").size(), 13u);
    EXPECT_EQ(reader.read<std::int64_t>("/model/buffers/f.bn1.num_batches_tracked", {}).front(), 390);
    EXPECT_EQ(reader.read<float>("/model/parameters/packed", {400})[399], 399.0f);
  }
}

}  // namespace
}  // namespace mebm::engine
