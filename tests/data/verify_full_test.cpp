// Verification of complete sets: CIFAR where MEBM_DATA has them, Debian's Fashion-MNIST where it is
// installed.
#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/official.h"
#include "data/verify.h"
#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A folder of links to the files of `from`, `replaced` excepted: that one is a copy that may be changed.
void link_all_but(const fs::path& from, const fs::path& to, const std::string& replaced) {
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const fs::path name = entry.path().filename();
    if (name == replaced)
      fs::copy_file(entry.path(), to / name);
    else
      fs::create_symlink(fs::absolute(entry.path()), to / name);
  }
}

void flip_byte(const fs::path& path, std::int64_t offset) {
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(offset);
  const auto value = static_cast<char>(stream.get() ^ 0x10);
  stream.seekp(offset);
  stream.put(value);
}

TEST(VerifyFull, CifarRecordsInAnyOrderAreRecognised) {
  for (const char* name : {"cifar-10-batches-bin", "cifar-100-binary"}) {
    if (!fs::exists(test::data_root() / name)) GTEST_SKIP() << "MEBM_DATA has no " << name;
    const VerifyReport report = verify_dataset(test::data_root() / name);
    EXPECT_THAT(report.status, testing::AnyOf("official", "reordered")) << report.summary;
    ASSERT_EQ(report.splits.size(), 2u);
    EXPECT_EQ(report.splits[0].records, 50000);
    EXPECT_TRUE(report.splits[0].official_records);
    EXPECT_TRUE(report.splits[1].official_records);
  }
}

TEST(VerifyFull, OneChangedByteOfCifarIsNamed) {
  const fs::path source = test::data_root() / "cifar-10-batches-bin";
  if (!fs::exists(source)) GTEST_SKIP() << "MEBM_DATA has no CIFAR-10";
  test::TemporaryFolder folder;
  link_all_but(source, folder.path(), "data_batch_3.bin");
  constexpr std::int64_t kOffset = 4321 * 3073 + 1000;
  flip_byte(folder / "data_batch_3.bin", kOffset);
  const VerifyReport report = verify_dataset(folder.path());
  EXPECT_EQ(report.status, "altered");
  ASSERT_EQ(report.splits[0].findings.size(), 1u);
  EXPECT_EQ(report.splits[0].findings[0].file, (folder / "data_batch_3.bin").string());
  EXPECT_EQ(report.splits[0].findings[0].record, 4321);
  EXPECT_EQ(report.splits[0].findings[0].offset, kOffset);
  EXPECT_TRUE(report.splits[1].official_records);
  EXPECT_THAT(report.summary,
              HasSubstr("cifar10: wrong bytes: 1 of 50000 train records is not official; " +
                        (folder / "data_batch_3.bin").string() +
                        ", record 4321 at byte offset 13279433: 1 of the record's 3073 bytes"));
}

TEST(VerifyFull, FashionMnistIsOfficialWhateverItsCompression) {
  const fs::path source = test::fashion_mnist_root();
  if (!fs::exists(source)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const VerifyReport report = verify_dataset(source);
  EXPECT_EQ(report.set, "fashion-mnist");
  EXPECT_EQ(report.status, "official") << report.summary;
  EXPECT_EQ(report.summary, "fashion-mnist: the official files");
  EXPECT_EQ(report.files.size(), 4u);
}

// The committed digests and tables come from a script that shares no code with the engine.
void expect_summary(const SplitRecords& records, const OfficialSplit& official) {
  const RecordSummary summary = summarise_records(records);
  EXPECT_EQ(summary.digest, official.digest);
  EXPECT_TRUE(*summary.table ==
              RecordTable::from_base64(official.table, records.count(), records.record_bytes()));
}

TEST(VerifyFull, CommittedTablesOfCifar10AreThoseOfTheSet) {
  if (!fs::exists(test::data_root() / "cifar-10-batches-bin")) GTEST_SKIP() << "MEBM_DATA has no CIFAR-10";
  expect_summary(cifar_records(cifar10_layout(), test::data_root(), Split::train), official_cifar10().train);
  expect_summary(cifar_records(cifar10_layout(), test::data_root(), Split::test), official_cifar10().test);
}

TEST(VerifyFull, CommittedTablesOfCifar100AreThoseOfTheSet) {
  if (!fs::exists(test::data_root() / "cifar-100-binary")) GTEST_SKIP() << "MEBM_DATA has no CIFAR-100";
  expect_summary(cifar_records(cifar100_layout(), test::data_root(), Split::train),
                 official_cifar100().train);
  expect_summary(cifar_records(cifar100_layout(), test::data_root(), Split::test), official_cifar100().test);
}

TEST(VerifyFull, CommittedTablesOfFashionMnistAreThoseOfTheSet) {
  const fs::path source = test::fashion_mnist_root();
  if (!fs::exists(source)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  expect_summary(idx_records(fashion_mnist_layout(), source, Split::train), official_fashion_mnist().train);
  expect_summary(idx_records(fashion_mnist_layout(), source, Split::test), official_fashion_mnist().test);
}

TEST(VerifyFull, FashionMnistInAnotherOrderAndAlteredIsToldApart) {
  const fs::path source = test::fashion_mnist_root();
  if (!fs::exists(source)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  test::TemporaryFolder folder;
  link_all_but(source, folder.path(), "");
  SplitRecords records = idx_records(fashion_mnist_layout(), source, Split::test);
  test::Bytes& labels = records.files[0].bytes;
  test::Bytes& images = records.files[1].bytes;
  std::swap(labels[8 + 17], labels[8 + 9000]);
  std::swap_ranges(images.begin() + 16 + 17 * 784, images.begin() + 16 + 18 * 784,
                   images.begin() + 16 + 9000 * 784);
  test::write_file(folder / "t10k-labels-idx1-ubyte", labels);
  test::write_file(folder / "t10k-images-idx3-ubyte", images);
  VerifyReport report = verify_dataset(folder.path());
  EXPECT_EQ(report.set, "fashion-mnist");
  EXPECT_EQ(report.status, "reordered") << report.summary;
  EXPECT_TRUE(report.usable());

  std::swap(labels[8 + 17], labels[8 + 9000]);  // now two images have each other's labels
  ASSERT_NE(labels[8 + 17], labels[8 + 9000]);
  test::write_file(folder / "t10k-labels-idx1-ubyte", labels);
  report = verify_dataset(folder.path());
  EXPECT_EQ(report.status, "altered");
  EXPECT_FALSE(report.usable());
  ASSERT_EQ(report.splits[1].findings.size(), 2u);
  EXPECT_EQ(report.splits[1].findings[0].record, 17);
  EXPECT_EQ(report.splits[1].findings[1].record, 9000);
}

}  // namespace
}  // namespace mebm::data
