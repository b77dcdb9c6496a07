// idx files of the MNIST family: tiny files by hand, plain and gzip, every refusal; Debian's Fashion-MNIST.
#include "data/idx.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/datasets.h"
#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

using test::Bytes;
using testing::AllOf;
using testing::HasSubstr;

IdxLayout tiny() {
  IdxLayout layout = fashion_mnist_layout();
  layout.train_count = 3;
  layout.test_count = 2;
  return layout;
}

void append_big_endian(Bytes& bytes, std::uint32_t value) {
  for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

Bytes images(std::uint32_t count, std::uint32_t rows = 28, std::uint32_t columns = 28) {
  Bytes bytes;
  for (const std::uint32_t word : {0x803u, count, rows, columns}) append_big_endian(bytes, word);
  for (std::uint32_t i = 0; i < count * rows * columns; ++i)
    bytes.push_back(static_cast<std::uint8_t>(1 + i % 250));
  return bytes;
}

Bytes labels(const Bytes& values) {
  Bytes bytes;
  append_big_endian(bytes, 0x801);
  append_big_endian(bytes, static_cast<std::uint32_t>(values.size()));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

void write_plain(const std::filesystem::path& folder) {
  test::write_file(folder / "train-images-idx3-ubyte", images(3));
  test::write_file(folder / "train-labels-idx1-ubyte", labels({9, 0, 4}));
}

std::string error_of(const test::TemporaryFolder& folder) {
  return test::input_error([&] { read_idx(tiny(), folder.path(), Split::train); });
}

TEST(Idx, ReadsPlainAndGzipFilesPaddedTo32) {
  for (const bool gzip : {false, true}) {
    test::TemporaryFolder folder;
    if (gzip) {
      test::write_gzip(folder / "train-images-idx3-ubyte.gz", images(3));
      test::write_gzip(folder / "train-labels-idx1-ubyte.gz", labels({9, 0, 4}));
    } else {
      write_plain(folder.path());
    }
    const ImageSet set = read_idx(tiny(), folder.path(), Split::train);
    ASSERT_EQ(set.count(), 3);
    EXPECT_EQ(set.channels, 1);
    EXPECT_EQ(set.height, 32);
    EXPECT_EQ(set.original_height, 28);
    EXPECT_THAT(set.labels, testing::ElementsAre(9, 0, 4));
    for (int image = 0; image < 3; ++image)
      for (int row = 0; row < 32; ++row)
        for (int column = 0; column < 32; ++column) {
          const bool inside = row >= 2 && row < 30 && column >= 2 && column < 30;
          const int expected = inside ? 1 + ((image * 28 + row - 2) * 28 + column - 2) % 250 : 0;
          ASSERT_EQ(set.pixels[static_cast<std::size_t>((image * 32 + row) * 32 + column)], expected);
        }
  }
}

TEST(Idx, FindsTheTestSplitInASubfolder) {
  test::TemporaryFolder folder;
  test::write_gzip(folder / "FashionMNIST/raw/t10k-images-idx3-ubyte.gz", images(2));
  test::write_gzip(folder / "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", labels({1, 2}));
  EXPECT_EQ(read_idx(tiny(), folder.path(), Split::test).count(), 2);
}

TEST(Idx, NamesTheMissingFileAndWhereItComesFrom) {
  test::TemporaryFolder folder;
  EXPECT_THAT(error_of(folder),
              AllOf(HasSubstr((folder / "train-images-idx3-ubyte").string() + "[.gz] is missing"),
                    HasSubstr("https://github.com/zalandoresearch/fashion-mnist")));
  test::write_file(folder / "train-images-idx3-ubyte", images(3));
  EXPECT_THAT(error_of(folder), HasSubstr("train-labels-idx1-ubyte[.gz] is missing"));
  EXPECT_THAT(test::input_error([&] { read_idx(tiny(), folder / "absent", Split::train); }),
              HasSubstr("absent does not exist"));
}

TEST(Idx, NamesAWrongMagicWithItsValue) {
  test::TemporaryFolder folder;
  write_plain(folder.path());
  test::write_file(folder / "train-images-idx3-ubyte", labels({1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_THAT(error_of(folder), HasSubstr("train-images-idx3-ubyte: wrong magic 0x00000801 at byte offset 0, "
                                          "0x00000803 expected"));
  test::write_file(folder / "train-labels-idx1-ubyte", Bytes(11, 'x'));
  EXPECT_THAT(error_of(folder),
              HasSubstr("train-labels-idx1-ubyte: wrong magic 0x78787878 at byte offset 0"));
}

TEST(Idx, NamesWrongCountsAndSizesInTheHeader) {
  test::TemporaryFolder folder;
  write_plain(folder.path());
  test::write_file(folder / "train-images-idx3-ubyte", images(4));
  EXPECT_THAT(error_of(folder), HasSubstr("4 records at byte offset 4, fashion-mnist has 3"));
  test::write_file(folder / "train-images-idx3-ubyte", images(3, 28, 27));
  EXPECT_THAT(error_of(folder), HasSubstr("27 columns at byte offset 12, fashion-mnist has 28"));
  test::write_file(folder / "train-labels-idx1-ubyte", labels({1, 2}));
  EXPECT_THAT(error_of(folder), HasSubstr("2 records at byte offset 4, fashion-mnist has 3"));
}

TEST(Idx, NamesTruncatedAndOverlongFiles) {
  test::TemporaryFolder folder;
  write_plain(folder.path());
  Bytes bytes = images(3);
  bytes.pop_back();
  test::write_file(folder / "train-images-idx3-ubyte", bytes);
  EXPECT_THAT(error_of(folder), HasSubstr("train-images-idx3-ubyte: truncated: 2367 bytes, 2368 expected"));
  bytes.resize(9);
  test::write_file(folder / "train-images-idx3-ubyte", bytes);
  EXPECT_THAT(error_of(folder), HasSubstr("truncated: 9 bytes, 2368 expected"));
  bytes = images(3);
  bytes.push_back(0);
  test::write_file(folder / "train-images-idx3-ubyte", bytes);
  EXPECT_THAT(error_of(folder), HasSubstr("too long: more than the 2368 bytes expected"));
}

TEST(Idx, NamesTheRecordOfABadLabel) {
  test::TemporaryFolder folder;
  write_plain(folder.path());
  test::write_file(folder / "train-labels-idx1-ubyte", labels({9, 0, 10}));
  EXPECT_THAT(error_of(folder), HasSubstr("label 10 out of range 0 ... 9 in record 2 at byte offset 10"));
}

TEST(Idx, NamesACorruptGzipStream) {
  test::TemporaryFolder folder;
  test::write_gzip(folder / "train-images-idx3-ubyte.gz", images(3));
  test::write_gzip(folder / "train-labels-idx1-ubyte.gz", labels({9, 0, 4}));
  const Bytes good = test::read_file(folder / "train-images-idx3-ubyte.gz");
  Bytes cut(good.begin(), good.end() - 20);
  test::write_file(folder / "train-images-idx3-ubyte.gz", cut);
  EXPECT_THAT(error_of(folder), AllOf(HasSubstr("train-images-idx3-ubyte.gz: "), HasSubstr("truncated")));
  Bytes flipped = good;
  flipped[good.size() - 6] ^= 1;  // the checksum at the end
  test::write_file(folder / "train-images-idx3-ubyte.gz", flipped);
  EXPECT_THAT(error_of(folder), HasSubstr("corrupt or truncated gzip stream"));
}

TEST(IdxFull, DebiansFashionMnistHasEqualClasses) {
  const std::filesystem::path folder = test::fashion_mnist_root();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const ImageSet set = load_dataset("fashion-mnist", folder, Split::test);
  ASSERT_EQ(set.count(), 10000);
  std::vector<int> counts(10, 0);
  for (const std::int32_t label : set.labels) ++counts[static_cast<std::size_t>(label)];
  EXPECT_THAT(counts, testing::Each(1000));
}

}  // namespace
}  // namespace mebm::data
