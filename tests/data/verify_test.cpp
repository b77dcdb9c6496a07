// Verification: digests against published test vectors, tiny sets altered in every way, the full sets.
#include "data/verify.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/md5.h"
#include "data/record_table.h"
#include "tests/data/data_test_util.h"

namespace mebm::data {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using testing::AllOf;
using testing::HasSubstr;

std::string md5_of(const std::string& text) {
  return md5_hex(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

TEST(Md5, MatchesTheVectorsOfRfc1321) {
  EXPECT_EQ(md5_of(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, OfAFileMatchesTheBytes) {
  test::TemporaryFolder folder;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{55}, std::size_t{56}, std::size_t{64}, (std::size_t{1} << 20) - 1,
        std::size_t{1} << 20, (std::size_t{1} << 20) + 70}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    test::write_file(folder / "file", bytes);
    EXPECT_EQ(md5_of_file((folder / "file").string()), md5_hex(bytes)) << size;
  }
  EXPECT_THAT(test::input_error([&] { md5_of_file((folder / "absent").string()); }),
              HasSubstr("absent: No such"));
}

constexpr int kRecords = 400, kRecordBytes = 50;

// A split of two files of records with pseudo-random content.
SplitRecords make_split(std::uint64_t seed = 1) {
  SplitRecords split;
  split.split = "train";
  for (std::size_t file = 0; file < 2; ++file) {
    RecordFile content{"batch_" + std::to_string(file + 1), "folder/batch_" + std::to_string(file + 1), {}};
    for (int i = 0; i < kRecords / 2 * kRecordBytes; ++i) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      content.bytes.push_back(static_cast<std::uint8_t>(seed >> 56));
    }
    split.files.push_back(content);
    split.blocks.push_back({kRecords / 2, {{file, 0, kRecordBytes, kRecordBytes}}});
  }
  return split;
}

const std::vector<VerifiedFile> kForeignFiles{{"folder/batch_1", 0, "0123", false}};

// verify_split of `present` against the records of make_split().
VerifiedSplit verify(const SplitRecords& present) {
  return verify_split(present, summarise_records(make_split()), kForeignFiles);
}

std::uint8_t& byte_of(SplitRecords& split, int record, int byte) {
  const int per_file = kRecords / 2;
  return split.files[static_cast<std::size_t>(record / per_file)]
      .bytes[static_cast<std::size_t>(record % per_file * kRecordBytes + byte)];
}

void copy_record(SplitRecords& split, int from, int to) {
  for (int i = 0; i < kRecordBytes; ++i) byte_of(split, to, i) = byte_of(split, from, i);
}

TEST(VerifySplit, RecognisesTheSameRecordsInAnyOrder) {
  SplitRecords shuffled = make_split();
  for (int a = 0; a < kRecords; ++a)
    for (int i = 0; i < kRecordBytes; ++i)
      std::swap(byte_of(shuffled, a, i), byte_of(shuffled, a * 7 % kRecords, i));
  ASSERT_NE(shuffled.files[0].bytes, make_split().files[0].bytes);
  const VerifiedSplit result = verify(shuffled);
  EXPECT_TRUE(result.official_records);
  EXPECT_EQ(result.wrong_records, 0);
  EXPECT_EQ(result.digest, summarise_records(make_split()).digest);
  EXPECT_TRUE(result.findings.empty());
}

TEST(VerifySplit, NamesTheByteOfASingleFlip) {
  SplitRecords altered = make_split();
  byte_of(altered, 273, 17) ^= 0x41;
  const VerifiedSplit result = verify(altered);
  EXPECT_FALSE(result.official_records);
  EXPECT_EQ(result.wrong_records, 1);
  EXPECT_TRUE(result.all_found);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].file, "folder/batch_2");
  EXPECT_EQ(result.findings[0].record, 73);
  EXPECT_EQ(result.findings[0].offset, 73 * kRecordBytes + 17);
  EXPECT_EQ(result.findings[0].what,
            fmt::format(
                "1 of the record's 50 bytes differs from the official ones; the first is {:#04x} instead of "
                "{:#04x}",
                byte_of(altered, 273, 17), byte_of(altered, 273, 17) ^ 0x41));
}

TEST(VerifySplit, NamesEveryOneOfSeveralAlteredRecords) {
  SplitRecords altered = make_split();
  for (int i = 0; i < 5; ++i) byte_of(altered, 40 * i + 3, 6 * i + 2) ^= 0xff;
  const VerifiedSplit result = verify(altered);
  EXPECT_EQ(result.wrong_records, 5);
  ASSERT_EQ(result.findings.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(result.findings[i].record, 40 * i + 3);
    EXPECT_EQ(result.findings[i].offset, (40 * i + 3) * kRecordBytes + 6 * i + 2)
        << "its own byte, not a neighbour's";
  }
}

TEST(VerifySplit, NamesARunOfZeros) {
  SplitRecords altered = make_split();
  for (int i = 30; i < kRecordBytes; ++i) byte_of(altered, 10, i) = 0;
  for (int i = 0; i < kRecordBytes; ++i) byte_of(altered, 11, i) = 0;
  const VerifiedSplit result = verify(altered);
  EXPECT_EQ(result.wrong_records, 2);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].record, 10);
  EXPECT_EQ(result.findings[1].record, 11);
}

TEST(VerifySplit, NamesASurplusCopy) {
  SplitRecords altered = make_split();
  copy_record(altered, 20, 230);
  const VerifiedSplit result = verify(altered);
  EXPECT_EQ(result.wrong_records, 1);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].file, "folder/batch_2");
  EXPECT_EQ(result.findings[0].record, 30);
  EXPECT_EQ(result.findings[0].what, "a surplus copy of record 20 of folder/batch_1");
}

TEST(VerifySplit, NamesTwoCopiesOfOneRecord) {
  SplitRecords altered = make_split();  // their keys cancel in the table
  copy_record(altered, 20, 230);
  copy_record(altered, 20, 15);
  const VerifiedSplit result = verify(altered);
  EXPECT_EQ(result.wrong_records, 2);
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].record, 20);
  EXPECT_EQ(result.findings[0].what, "a surplus copy of record 15 of folder/batch_1");
  EXPECT_EQ(result.findings[1].record, 30);
}

TEST(VerifySplit, ResolvesAHundredAlteredRecords) {
  SplitRecords altered = make_split();
  for (int i = 0; i < 100; ++i) byte_of(altered, 3 * i, 9) ^= static_cast<std::uint8_t>(i + 1);
  const VerifiedSplit result = verify(altered);
  EXPECT_TRUE(result.all_found);
  EXPECT_EQ(result.wrong_records, 100);
  EXPECT_EQ(result.findings.front().record, 0);
}

TEST(VerifySplit, NamesOnlyProvedStrangersWhenEveryRecordDiffers) {
  const VerifiedSplit result = verify(make_split(99));
  EXPECT_FALSE(result.official_records);
  EXPECT_FALSE(result.all_found);
  // 512 bits with 400 keys: a stranger is proved with probability exp(-400/512) = 0.46.
  EXPECT_GT(result.wrong_records, 120);
  EXPECT_LT(result.wrong_records, 260);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_LT(result.findings[0].record, 20);
}

TEST(VerifySplit, NamesTheFileWhereNoTableIsKnown) {
  const VerifiedSplit result = verify_split(make_split(), {"", {}}, kForeignFiles);
  EXPECT_FALSE(result.official_records);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].file, "folder/batch_1");
  EXPECT_EQ(result.findings[0].record, -1);
  EXPECT_THAT(result.findings[0].what, HasSubstr("MD5 0123 is not the official file's"));
  EXPECT_TRUE(verify_split(make_split(), {"", {}}, {{"f", 0, "", true}}).official_records);
}

TEST(RecordTable, RefusesAnotherLength) {
  EXPECT_THROW(RecordTable::from_base64("AAAA", 100, 10), engine::Error);
}

TEST(Records, JoinLabelsAndPixelsOfIdxFiles) {
  test::TemporaryFolder folder;
  IdxLayout layout = fashion_mnist_layout();
  layout.test_count = 2;
  Bytes images{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28};
  for (int i = 0; i < 2 * 784; ++i) images.push_back(static_cast<std::uint8_t>(i / 7));
  test::write_gzip(folder / "t10k-images-idx3-ubyte.gz", images);
  test::write_file(folder / "t10k-labels-idx1-ubyte", Bytes{0, 0, 8, 1, 0, 0, 0, 2, 9, 4});
  const SplitRecords records = idx_records(layout, folder.path(), Split::test);
  ASSERT_EQ(records.count(), 2);
  ASSERT_EQ(records.record_bytes(), 785);
  const std::vector<std::uint8_t> record = records.record(1);
  EXPECT_EQ(record[0], 4);
  EXPECT_EQ(record[1], images[16 + 784]);
  EXPECT_EQ(record[784], images[16 + 2 * 784 - 1]);
  EXPECT_EQ(records.place(1, 0).offset, 9);
  EXPECT_THAT(records.place(1, 0).file, HasSubstr("t10k-labels-idx1-ubyte"));
  EXPECT_EQ(records.place(1, 5).offset, 16 + 784 + 4);
  EXPECT_EQ(records.files[1].name, "t10k-images-idx3-ubyte");
}

TEST(VerifyDataset, SaysSoWhereOnlyChecksumsAreKnown) {
  test::TemporaryFolder folder;
  const auto write = [&](const std::string& stem, std::uint8_t count_high, std::uint8_t count_low,
                         int count) {
    Bytes images{0, 0, 8, 3, 0, 0, count_high, count_low, 0, 0, 0, 28, 0, 0, 0, 28};
    images.resize(16 + static_cast<std::size_t>(count) * 784);
    Bytes labels{0, 0, 8, 1, 0, 0, count_high, count_low};
    labels.resize(8 + static_cast<std::size_t>(count));
    test::write_gzip(folder / (stem + "-images-idx3-ubyte.gz"), images);
    test::write_gzip(folder / (stem + "-labels-idx1-ubyte.gz"), labels);
  };
  write("train", 0xea, 0x60, 60000);
  write("t10k", 0x27, 0x10, 10000);
  const VerifyReport report = verify_dataset(folder.path(), "mnist");
  EXPECT_EQ(report.set, "mnist");
  EXPECT_EQ(report.status, "unknown");
  EXPECT_FALSE(report.usable());
  EXPECT_THAT(report.summary, AllOf(HasSubstr("mnist: not the official train files; "),
                                    HasSubstr("train-labels-idx1-ubyte.gz: content with MD5 ")));
}

TEST(VerifyDataset, RefusesFoldersItCannotTell) {
  test::TemporaryFolder folder;
  EXPECT_THAT(
      test::input_error([&] { verify_dataset(folder.path()); }),
      HasSubstr("holds no files of the sets that can be verified: cifar10, cifar100, fashion-mnist, mnist"));
  EXPECT_THAT(test::input_error([&] { verify_dataset(folder / "absent"); }),
              HasSubstr("absent does not exist"));
  EXPECT_THAT(test::input_error([&] { verify_dataset(folder.path(), "svhn"); }),
              HasSubstr("data set 'svhn' cannot be verified"));
  test::write_file(folder / "data.bin", Bytes(1000, 'x'));
  EXPECT_THAT(test::input_error([&] { verify_dataset(folder / "data.bin"); }), HasSubstr("holds no files"));
  test::write_file(folder / "data_batch_1.bin", Bytes(10, 0));
  EXPECT_THAT(test::input_error([&] { verify_dataset(folder.path()); }),
              HasSubstr("data_batch_1.bin: truncated: 10 bytes, 30730000 expected"));
  test::write_file(folder / "cifar-100-binary/train.bin", Bytes(10, 0));
  EXPECT_THAT(test::input_error([&] { verify_dataset(folder.path()); }),
              HasSubstr("holds several data sets (cifar10, cifar100): give the folder of one"));
}

}  // namespace
}  // namespace mebm::data
