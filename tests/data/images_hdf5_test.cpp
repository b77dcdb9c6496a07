// The HDF5 images file as a data set.
#include "data/images_hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/datasets.h"
#include "engine/device/context.h"
#include "engine/io/checkpoint_file.h"
#include "engine/io/hdf5.h"
#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

using testing::HasSubstr;

template <typename T>
void write_images(const std::filesystem::path& path, const engine::Hdf5Shape& shape,
                  const std::vector<T>& images, const std::vector<std::int64_t>& labels) {
  engine::Hdf5Writer writer;
  writer.write("/images", shape, images.data());
  if (!labels.empty()) writer.write("/labels", {static_cast<std::int64_t>(labels.size())}, labels.data());
  const std::vector<std::byte> image = writer.finish();
  test::write_file(path, {reinterpret_cast<const std::uint8_t*>(image.data()), image.size()});
}

TEST(ImagesHdf5, ReadsBytesAndLabels) {
  test::TemporaryFolder folder;
  std::vector<std::uint8_t> pixels(2 * 3 * 8 * 8);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i);
  write_images(folder / "x.h5", {2, 3, 8, 8}, pixels, {4, 1});
  const ImageSet set = load_dataset("images", folder / "x.h5", Split::test);
  EXPECT_EQ(set.name, "images");
  EXPECT_EQ(set.split, "test");
  EXPECT_EQ(set.count(), 2);
  EXPECT_EQ(set.channels, 3);
  EXPECT_EQ(set.height, 8);
  EXPECT_EQ(set.pixels, pixels);
  EXPECT_THAT(set.labels, testing::ElementsAre(4, 1));
  EXPECT_EQ(set.num_classes, 5);
}

TEST(ImagesHdf5, ReadsFloatsAndPads28To32) {
  test::TemporaryFolder folder;
  write_images(folder / "x.h5", {1, 1, 28, 28}, std::vector<float>(784, 0.25f), {});
  const ImageSet set = load_dataset("images", folder / "x.h5", Split::train);
  EXPECT_EQ(set.height, 32);
  EXPECT_EQ(set.original_height, 28);
  EXPECT_EQ(set.num_classes, 0);
  EXPECT_TRUE(set.labels.empty());
  std::vector<double> out(1024);
  decode(set, 0, out.data());
  EXPECT_EQ(out[0], -1.0);
  EXPECT_EQ(out[2 * 32 + 2], 0.25);
}

// Float64 values are kept as they are stored, padded like the others.
TEST(ImagesHdf5, KeepsFloat64Values) {
  test::TemporaryFolder folder;
  write_images(folder / "x.h5", {1, 1, 28, 28}, std::vector<double>(784, 0.1), {});
  engine::Context context;
  const std::int64_t indices[] = {0};
  const ImageSet set = read_images_hdf5(folder / "x.h5");
  const engine::Tensor fp64 = load_images(context, set, indices, engine::DType::fp64),
                       fp32 = load_images(context, set, indices, engine::DType::fp32);
  EXPECT_EQ(fp64.shape(), (engine::Shape{1, 1, 32, 32}));
  EXPECT_EQ(fp64.as<double>()[0], -1.0);
  EXPECT_EQ(fp64.as<double>()[2 * 32 + 2], 0.1);
  EXPECT_EQ(fp32.as<float>()[2 * 32 + 2], 0.1f);
  EXPECT_EQ(read_images_hdf5(folder / "x.h5", false).height, 28);
}

TEST(ImagesHdf5, NamesTheRecordOfABadLabel) {
  test::TemporaryFolder folder;
  write_images(folder / "x.h5", {2, 1, 4, 4}, std::vector<std::uint8_t>(32, 1), {0, -1});
  EXPECT_THAT(test::input_error([&] { load_dataset("images", folder / "x.h5", Split::train); }),
              HasSubstr("x.h5: label -1 out of range 0 ... 65535 in record 1 of `labels`"));
  write_images(folder / "x.h5", {2, 1, 4, 4}, std::vector<std::uint8_t>(32, 1), {65536, 0});
  EXPECT_THAT(test::input_error([&] { load_dataset("images", folder / "x.h5", Split::train); }),
              HasSubstr("label 65536 out of range 0 ... 65535 in record 0"));
}

TEST(ImagesHdf5, RefusesWhatIsNoHdf5File) {
  test::TemporaryFolder folder;
  test::write_file(folder / "x.h5", test::Bytes(2000, 'x'));
  EXPECT_THAT(test::input_error([&] { load_dataset("images", folder / "x.h5", Split::train); }),
              HasSubstr("x.h5"));
}

}  // namespace
}  // namespace mebm::data
