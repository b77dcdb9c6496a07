// CIFAR layouts: tiny files by hand, archives, every refusal; the full sets where MEBM_DATA names them.
#include "data/cifar.h"

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

// Two training files of 3 records and a test file of 2.
CifarLayout tiny10() {
  CifarLayout layout = cifar10_layout();
  layout.train_files = {"data_batch_1.bin", "data_batch_2.bin"};
  layout.train_records = 3;
  layout.test_records = 2;
  return layout;
}

std::uint8_t pixel(int image, int position) {
  return static_cast<std::uint8_t>(7 * image + position);
}

// Records `first` ... of one file: labels (image % classes of that byte), then pixel().
Bytes records(const CifarLayout& layout, int first, int count) {
  Bytes bytes;
  for (int image = first; image < first + count; ++image) {
    for (const int limit : layout.label_limits) bytes.push_back(static_cast<std::uint8_t>(image % limit));
    for (int i = 0; i < 3072; ++i) bytes.push_back(pixel(image, i));
  }
  return bytes;
}

void write_tiny10(const std::filesystem::path& folder) {
  test::write_file(folder / "data_batch_1.bin", records(tiny10(), 0, 3));
  test::write_file(folder / "data_batch_2.bin", records(tiny10(), 3, 3));
  test::write_file(folder / "test_batch.bin", records(tiny10(), 6, 2));
}

void expect_tiny10(const ImageSet& set) {
  ASSERT_EQ(set.count(), 6);
  EXPECT_EQ(set.name, "cifar10");
  EXPECT_EQ(set.split, "train");
  EXPECT_EQ(set.channels, 3);
  EXPECT_EQ(set.height, 32);
  EXPECT_EQ(set.num_classes, 10);
  EXPECT_THAT(set.labels, testing::ElementsAre(0, 1, 2, 3, 4, 5));
  for (int image = 0; image < 6; ++image)
    for (int i = 0; i < 3072; i += 11)
      ASSERT_EQ(set.pixels[image * 3072 + i], pixel(image, i)) << image << ' ' << i;
}

TEST(Cifar, ReadsTheFolderItsParentAndTheArchive) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  write_tiny10(folder / "cifar-10-batches-bin");
  expect_tiny10(read_cifar(layout, folder / "cifar-10-batches-bin", Split::train));
  expect_tiny10(read_cifar(layout, folder.path(), Split::train));
  const ImageSet held_out = read_cifar(layout, folder.path(), Split::test);
  EXPECT_EQ(held_out.split, "test");
  EXPECT_THAT(held_out.labels, testing::ElementsAre(6, 7));
}

TEST(Cifar, ReadsTheArchiveWhereverItsMembersStand) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  test::write_tar_gz(folder / "cifar-10-binary.tar.gz",
                     {{"cifar-10-batches-bin/readme.html", Bytes(5000, 'x')},
                      {"cifar-10-batches-bin/data_batch_2.bin", records(layout, 3, 3)},
                      {"cifar-10-batches-bin/test_batch.bin", records(layout, 6, 2)},
                      {"./cifar-10-batches-bin/data_batch_1.bin", records(layout, 0, 3)}});
  expect_tiny10(read_cifar(layout, folder / "cifar-10-binary.tar.gz", Split::train));
  expect_tiny10(read_cifar(layout, folder.path(), Split::train));
  EXPECT_EQ(read_cifar(layout, folder.path(), Split::test).count(), 2);
}

TEST(Cifar, Cifar100UsesTheFineLabel) {
  test::TemporaryFolder folder;
  CifarLayout layout = cifar100_layout();
  layout.train_records = 30;
  Bytes bytes = records(layout, 0, 30);
  bytes[25 * 3074 + 1] = 99;
  test::write_file(folder / "train.bin", bytes);
  const ImageSet set = read_cifar(layout, folder.path(), Split::train);
  EXPECT_EQ(set.num_classes, 100);
  EXPECT_EQ(set.labels[24], 24);  // its coarse label is 4
  EXPECT_EQ(set.labels[25], 99);
  EXPECT_EQ(set.pixels[25 * 3072 + 10], pixel(25, 10));

  bytes[4 * 3074] = 20;
  test::write_file(folder / "train.bin", bytes);
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder.path(), Split::train); }),
              HasSubstr("label 20 out of range 0 ... 19 in record 4 at byte offset 12296"));
}

TEST(Cifar, NamesTheMissingFileAndWhereItComesFrom) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  const std::string nothing = test::input_error([&] { read_cifar(layout, folder.path(), Split::train); });
  EXPECT_THAT(nothing,
              AllOf(HasSubstr("holds neither data_batch_1.bin"),
                    HasSubstr("download cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/")));
  write_tiny10(folder.path());
  std::filesystem::remove(folder / "data_batch_2.bin");
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder.path(), Split::train); }),
              HasSubstr((folder / "data_batch_2.bin").string() + " is missing; download"));
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder / "absent", Split::train); }),
              HasSubstr("absent does not exist"));
}

TEST(Cifar, NamesTruncatedAndOverlongFilesWithBothSizes) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  write_tiny10(folder.path());
  Bytes bytes = records(layout, 3, 3);
  bytes.pop_back();
  test::write_file(folder / "data_batch_2.bin", bytes);
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder.path(), Split::train); }),
              HasSubstr("data_batch_2.bin: truncated: 9218 bytes, 9219 expected (3 records of 3073 bytes)"));
  test::write_file(folder / "data_batch_2.bin", records(layout, 3, 4));
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder.path(), Split::train); }),
              HasSubstr("data_batch_2.bin: too long: 12292 bytes, 9219 expected"));
}

TEST(Cifar, NamesTheRecordOfABadLabel) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  write_tiny10(folder.path());
  Bytes bytes = records(layout, 3, 3);
  bytes[2 * 3073] = 10;
  test::write_file(folder / "data_batch_2.bin", bytes);
  EXPECT_THAT(test::input_error([&] { read_cifar(layout, folder.path(), Split::train); }),
              HasSubstr("data_batch_2.bin: label 10 out of range 0 ... 9 in record 2 at byte offset 6146"));
}

TEST(Cifar, RefusesBadArchives) {
  test::TemporaryFolder folder;
  const CifarLayout layout = tiny10();
  const auto archive = folder / "cifar-10-binary.tar.gz";
  const auto read = [&] { read_cifar(layout, archive, Split::train); };
  test::write_tar_gz(archive, {{"cifar-10-batches-bin/data_batch_1.bin", records(layout, 0, 3)}});
  EXPECT_THAT(test::input_error(read), HasSubstr("has no member cifar-10-batches-bin/data_batch_2.bin"));

  test::write_tar_gz(archive, {{"cifar-10-batches-bin/data_batch_1.bin", records(layout, 0, 2)}});
  EXPECT_THAT(test::input_error(read),
              HasSubstr(":cifar-10-batches-bin/data_batch_1.bin: truncated: 6146 bytes"));

  test::write_tar_gz(archive, {{"cifar-10-batches-bin/data_batch_1.bin", records(layout, 0, 3)},
                               {"cifar-10-batches-bin/data_batch_2.bin", records(layout, 3, 3)}});
  Bytes bytes = test::read_file(archive);
  bytes.resize(bytes.size() / 2);
  test::write_file(archive, bytes);
  EXPECT_THAT(test::input_error(read), HasSubstr("cifar-10-binary.tar.gz"));

  test::write_file(archive, Bytes(4096, 'x'));
  EXPECT_THAT(test::input_error(read), HasSubstr("cifar-10-binary.tar.gz: "));
}

// Images per class of one split.
std::vector<int> class_counts(const ImageSet& set) {
  std::vector<int> counts(static_cast<std::size_t>(set.num_classes), 0);
  for (const std::int32_t label : set.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

TEST(CifarFull, Cifar10HasTheClassesAndMomentsOfTheOfficialSet) {
  if (!std::filesystem::exists(test::data_root() / "cifar-10-batches-bin"))
    GTEST_SKIP() << "MEBM_DATA has no CIFAR-10";
  const ImageSet train = load_dataset("cifar10", test::data_root(), Split::train);
  ASSERT_EQ(train.count(), 50000);
  EXPECT_THAT(class_counts(train), testing::Each(5000));
  EXPECT_THAT(class_counts(load_dataset("cifar10", test::data_root(), Split::test)), testing::Each(1000));
  // Published channel means of the training set, in 0 ... 1.
  double sums[3] = {0, 0, 0};
  for (std::int64_t i = 0; i < train.count(); ++i)
    for (int c = 0; c < 3; ++c)
      for (int p = 0; p < 1024; ++p)
        sums[c] += train.pixels[static_cast<std::size_t>((i * 3 + c) * 1024 + p)];
  EXPECT_NEAR(sums[0] / 255 / 1024 / 50000, 0.4914, 5e-5);
  EXPECT_NEAR(sums[1] / 255 / 1024 / 50000, 0.4822, 5e-5);
  EXPECT_NEAR(sums[2] / 255 / 1024 / 50000, 0.4465, 6e-5);
}

TEST(CifarFull, Cifar100HasTheClassesOfTheOfficialSet) {
  if (!std::filesystem::exists(test::data_root() / "cifar-100-binary"))
    GTEST_SKIP() << "MEBM_DATA has no CIFAR-100";
  EXPECT_THAT(class_counts(load_dataset("cifar100", test::data_root(), Split::train)), testing::Each(500));
  EXPECT_THAT(class_counts(load_dataset("cifar100", test::data_root(), Split::test)), testing::Each(100));
}

}  // namespace
}  // namespace mebm::data
