// .npz files of statistics: NumPy's read by us, ours read by NumPy, and every damage refused with its place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>

#include "tests/io/test_files.h"
#include "tests/metrics/fixtures.h"

namespace mebm::metrics {
namespace {

namespace fs = std::filesystem;
using engine::testing::input_error;
using engine::testing::read_bytes;
using engine::testing::write_bytes;
using ::testing::AllOf;
using testing::array;
using testing::fixture;
using ::testing::HasSubstr;
using testing::scores_file;

using Bytes = std::vector<std::byte>;

class StatisticsFile : public engine::testing::TestDirectory {
 protected:
  std::string refusal(const Bytes& bytes) {
    write_bytes(at("file.npz"), bytes);
    return refusal_of(at("file.npz"));
  }
  static std::string refusal_of(const fs::path& path) {
    const std::string message = input_error([&] { read_statistics_npz(path); });
    EXPECT_THAT(message, HasSubstr(path.string()));
    return message;
  }
};

void append_number(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(std::byte(value >> (8 * i) & 0xff));
}

void append_text(Bytes& to, const std::string& text) {
  for (const char c : text) to.push_back(std::byte(c));
}

// Version 1.0, with any header.
Bytes npy(const std::string& header, const std::vector<double>& values) {
  Bytes bytes;
  append_text(bytes, "\x93NUMPY");
  append_number(bytes, 1, 2);
  append_number(bytes, header.size(), 2);
  append_text(bytes, header);
  const auto data = std::as_bytes(std::span(values));
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

std::string header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

struct Stored {
  std::string name;
  Bytes bytes;               // as they stand in the archive
  std::uint64_t size;        // as the directory declares it
  std::uint16_t method = 0;  // 8: deflated
  std::uint16_t flags = 0;
};
Stored stored(const std::string& name, const Bytes& bytes) {
  return {name, bytes, bytes.size()};
}

// By PKWARE's APPNOTE 4.3, apart from the code under test.
Bytes zip(const std::vector<Stored>& members) {
  Bytes archive, directory;
  for (const Stored& member : members) {
    const auto checksum =
        crc32(0, reinterpret_cast<const Bytef*>(member.bytes.data()), static_cast<uInt>(member.bytes.size()));
    const auto describe = [&](Bytes& to) {
      append_number(to, 20, 2);
      append_number(to, member.flags, 2);
      append_number(to, member.method, 2);
      append_number(to, 0, 4);
      append_number(to, checksum, 4);
      append_number(to, member.bytes.size(), 4);
      append_number(to, member.size, 4);
      append_number(to, member.name.size(), 2);
      append_number(to, 0, 2);
    };
    append_text(directory, "PK\1\2");
    append_number(directory, 20, 2);
    describe(directory);
    append_number(directory, 0, 10);
    append_number(directory, archive.size(), 4);
    append_text(directory, member.name);
    append_text(archive, "PK\3\4");
    describe(archive);
    append_text(archive, member.name);
    archive.insert(archive.end(), member.bytes.begin(), member.bytes.end());
  }
  const std::size_t start = archive.size();
  archive.insert(archive.end(), directory.begin(), directory.end());
  append_text(archive, "PK\5\6");
  append_number(archive, 0, 4);
  append_number(archive, members.size(), 2);
  append_number(archive, members.size(), 2);
  append_number(archive, directory.size(), 4);
  append_number(archive, start, 4);
  append_number(archive, 0, 2);
  return archive;
}

Bytes deflated(const Bytes& bytes) {
  z_stream stream{};
  Bytes out(bytes.size() + 100);
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

const Bytes kMean = npy(header("<f8", "(2,)"), {1, 2});
const Bytes kCovariance = npy(header("<f8", "(2, 2)"), {4, 1, 1, 3});

TEST_F(StatisticsFile, ReadsWhatNumPyWrites) {
  const auto mean = array<double>(scores_file(), "/mu"), covariance = array<double>(scores_file(), "/sigma");
  for (const std::string name : {"stored.npz", "deflated.npz"}) {
    const FeatureStatistics statistics = read_statistics_npz(fixture(name));
    EXPECT_EQ(statistics.mean, mean) << name;
    EXPECT_EQ(statistics.covariance, covariance) << name;
    EXPECT_EQ(statistics.count, 0);
    EXPECT_EQ(statistics.protocol, "");
  }
}

TEST_F(StatisticsFile, ReadsFloat32InFortranOrderWithCountAndProtocol) {
  const FeatureStatistics statistics = read_statistics_npz(fixture("fortran_float32.npz"));
  const auto covariance = array<double>(scores_file(), "/sigma");
  ASSERT_EQ(statistics.covariance.size(), covariance.size());
  for (std::size_t i = 0; i < covariance.size(); ++i)
    EXPECT_EQ(statistics.covariance[i], static_cast<double>(static_cast<float>(covariance[i])));
  EXPECT_EQ(statistics.count, 30);
  EXPECT_EQ(statistics.protocol, "n\xc3\xa4me \xe2\x82\xac");
}

FeatureStatistics example() {
  FeatureStatistics statistics;
  statistics.count = 5000;
  statistics.mean = {1, -2.5, 1e-300};
  statistics.covariance = {2, 0.1, 0, 0.1, 3, -1, 0, -1, 4};
  statistics.protocol = "InceptionV3 \xc3\xa4 \xf0\x9f\x98\x80, CIFAR-10 train";
  return statistics;
}

TEST_F(StatisticsFile, ReadsWhatItWrites) {
  write_statistics_npz(at("own.npz"), example());
  const FeatureStatistics read = read_statistics_npz(at("own.npz"));
  EXPECT_EQ(read.mean, example().mean);
  EXPECT_EQ(read.covariance, example().covariance);
  EXPECT_EQ(read.count, 5000);
  EXPECT_EQ(read.protocol, example().protocol);
  EXPECT_FALSE(fs::exists(at("own.npz.partial")));
}

TEST_F(StatisticsFile, LeavesOutWhatIsNotKnown) {
  FeatureStatistics statistics = example();
  statistics.count = 0;
  statistics.protocol.clear();
  write_statistics_npz(at("own.npz"), statistics);
  const Bytes bytes = read_bytes(at("own.npz"));
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(text.find("count"), std::string::npos);
  EXPECT_EQ(text.find("protocol"), std::string::npos);
  EXPECT_EQ(read_statistics_npz(at("own.npz")).count, 0);
}

TEST_F(StatisticsFile, NumPyReadsWhatItWrites) {
  std::string python;
  for (const std::string name : {"python3", "/usr/bin/python3"})
    if (python.empty() && std::system((name + " -c 'import numpy' 2>/dev/null").c_str()) == 0) python = name;
  if (python.empty()) GTEST_SKIP() << "no python3 with NumPy";
  write_statistics_npz(at("own.npz"), example());
  const std::string script =
      "import sys, zipfile, numpy as np\n"
      "assert zipfile.ZipFile(sys.argv[1]).testzip() is None\n"
      "f = np.load(sys.argv[1])\n"
      "assert sorted(f) == ['count', 'mu', 'protocol', 'sigma'], list(f)\n"
      "assert f['mu'].dtype == np.float64 and f['mu'].tolist() == [1, -2.5, 1e-300], f['mu']\n"
      "assert f['sigma'].tolist() == [[2, .1, 0], [.1, 3, -1], [0, -1, 4]], f['sigma']\n"
      "assert int(f['count']) == 5000 and f['count'].shape == ()\n"
      "assert str(f['protocol']) == 'InceptionV3 \\u00e4 \\U0001f600, CIFAR-10 train', f['protocol']\n";
  std::ofstream(at("check.py")) << script;
  EXPECT_EQ(std::system((python + " " + at("check.py").string() + " " + at("own.npz").string()).c_str()), 0);
}

TEST_F(StatisticsFile, RefusesOtherArraysByName) {
  EXPECT_THAT(refusal_of(fixture("other_keys.npz")),
              AllOf(HasSubstr("no array 'mu' among [mean.npy, sigma.npy]"), HasSubstr("'sigma' [D, D]")));
  EXPECT_THAT(refusal_of(fixture("flat.npz")), HasSubstr("sigma.npy: shape [36]; [6, 6] is expected"));
  EXPECT_THAT(refusal_of(fixture("float16.npz")),
              HasSubstr("mu.npy: type '<f2' is not read; float64 ('<f8')"));
  EXPECT_THAT(refusal_of(fixture("big_endian.npz")), HasSubstr("mu.npy: type '>f8' is not read"));
  EXPECT_THAT(refusal_of(fixture("object.npz")), HasSubstr("sigma.npy: type '|O' is not read"));
  EXPECT_THAT(refusal_of(fixture("records.npz")), HasSubstr("mu.npy: not the header of a plain array"));
  EXPECT_THAT(
      refusal(zip({stored("mu.npy", npy(header("<i8", "(2,)"), {1, 2})), stored("sigma.npy", kCovariance)})),
      HasSubstr("mu.npy: type '<i8'; float64 ('<f8') or float32 ('<f4') is expected"));
  EXPECT_THAT(refusal(zip({stored("mu.npy", kMean), stored("sigma.npy", kCovariance),
                           stored("count.npy", npy(header("<f8", "()"), {3}))})),
              HasSubstr("count.npy: shape [] of '<f8'; a single integer is expected"));
}

TEST_F(StatisticsFile, RefusesNoFile) {
  EXPECT_THAT(refusal_of(at("absent.npz")), HasSubstr("there is no such file"));
  EXPECT_THAT(refusal_of(directory_), HasSubstr("no regular file"));
  EXPECT_THAT(refusal({}), HasSubstr("no .npz file, or truncated"));
  EXPECT_THAT(refusal(kMean), HasSubstr("no .npz file, or truncated"));
}

// Cut anywhere, the directory at the end is gone; cut before and mended, members reach beyond the end.
TEST_F(StatisticsFile, RefusesATruncatedFileAtEveryLength) {
  const Bytes whole = zip({stored("mu.npy", kMean), stored("sigma.npy", kCovariance)});
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_THAT(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))),
                HasSubstr("truncated"));
  Bytes shortened = whole;
  shortened.erase(shortened.begin() + 100, shortened.begin() + 180);
  EXPECT_THAT(refusal(shortened), HasSubstr("damaged"));
}

// Whatever byte is wrong: an InputError or the same numbers, never more.
TEST_F(StatisticsFile, SurvivesEveryWrongByte) {
  const Bytes mean = deflated(kMean);
  Bytes whole = zip({{"mu.npy", mean, kMean.size(), 8}, stored("sigma.npy", kCovariance)});
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int flip : {0x01, 0x80, 0xff}) {
      const std::byte before = whole[i];
      whole[i] ^= std::byte(flip);
      write_bytes(at("file.npz"), whole);
      try {
        const FeatureStatistics read = read_statistics_npz(at("file.npz"));
        EXPECT_EQ(read.mean, (std::vector<double>{1, 2})) << i;
        EXPECT_EQ(read.covariance, (std::vector<double>{4, 1, 1, 3})) << i;
      } catch (const engine::InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("file.npz")) << i;
      }
      whole[i] = before;
    }
}

TEST_F(StatisticsFile, RefusesAWrongChecksum) {
  Bytes whole = zip({stored("mu.npy", kMean), stored("sigma.npy", kCovariance)});
  whole[30 + 6 + kMean.size() - 3] ^= std::byte{1};  // in the second mean
  EXPECT_THAT(refusal(whole), HasSubstr("the checksum of mu.npy is wrong"));
}

TEST_F(StatisticsFile, RefusesHeadersThatLie) {
  const auto with_mean = [&](const Bytes& mean) {
    return refusal(zip({stored("mu.npy", mean), stored("sigma.npy", kCovariance)}));
  };
  EXPECT_THAT(with_mean(npy(header("<f8", "(3,)"), {1, 2})),
              HasSubstr("mu.npy: shape [3] of '<f8' does not go with its 16 bytes"));
  EXPECT_THAT(with_mean(npy(header("<f8", "(4611686018427387904, 4611686018427387904)"), {1, 2})),
              HasSubstr("does not go with its 16 bytes"));
  EXPECT_THAT(with_mean(npy(header("<f8", "(99999999999999999999,)"), {1, 2})), HasSubstr("not the header"));
  EXPECT_THAT(with_mean(npy(header("<f8", "(-2,)"), {1, 2})), HasSubstr("not the header"));
  EXPECT_THAT(with_mean(npy("{'descr': '<f8', 'shape': (2,), }", {1, 2})), HasSubstr("not the header"));
  EXPECT_THAT(with_mean(npy("{'descr': '<f8", {1, 2})), HasSubstr("not the header"));
  EXPECT_THAT(with_mean(npy(header("<f8", "()"), {1})),
              HasSubstr("mu.npy: shape []; [D] with D from 1 to 8192"));
  Bytes long_header = kMean;
  long_header[8] = long_header[9] = std::byte{0xff};
  EXPECT_THAT(with_mean(long_header), HasSubstr("mu.npy: a header of 65535 bytes in an array of"));
  EXPECT_THAT(with_mean(Bytes(200, std::byte{7})), HasSubstr("mu.npy: no .npy array of version 1 to 3"));
}

TEST_F(StatisticsFile, RefusesHugeMembersBeforeAllocating) {
  const auto with_sigma = [&](const Stored& sigma) { return refusal(zip({stored("mu.npy", kMean), sigma})); };
  // 4 GiB declared: two means ask for 2 x 2.
  EXPECT_THAT(with_sigma({"sigma.npy", deflated(kCovariance), 0xfffffff0, 8}),
              HasSubstr("sigma.npy has 4294967280 bytes; 65568 at most are expected"));
  EXPECT_THAT(with_sigma({"sigma.npy", Bytes(20), 60000, 8}),
              HasSubstr("sigma.npy cannot have 60000 bytes in 20"));
  EXPECT_THAT(with_sigma({"sigma.npy", kCovariance, 60000, 0}),
              HasSubstr("sigma.npy cannot have 60000 bytes in"));
  EXPECT_THAT(with_sigma({"sigma.npy", deflated(kCovariance), kCovariance.size() + 1, 8}),
              HasSubstr("does not decompress to"));
  EXPECT_THAT(with_sigma({"sigma.npy", kCovariance, kCovariance.size(), 14}), HasSubstr("method 14"));
  EXPECT_THAT(with_sigma({"sigma.npy", kCovariance, kCovariance.size(), 0, 1}), HasSubstr("is encrypted"));
}

TEST_F(StatisticsFile, RefusesNumbersThatAreNoStatistics) {
  const auto with_sigma = [&](const std::vector<double>& values) {
    return refusal(zip({stored("mu.npy", kMean), stored("sigma.npy", npy(header("<f8", "(2, 2)"), values))}));
  };
  EXPECT_THAT(with_sigma({1, std::nan(""), 0, 1}), HasSubstr("sigma.npy: value 1 is nan"));
  EXPECT_THAT(with_sigma({1, 0.5, 0, 1}), HasSubstr("is not symmetric: (1, 0) is 0, (0, 1) is 0.5"));
  EXPECT_THAT(with_sigma({1, 0, 0, -1}), HasSubstr("variance 1 is -1"));
}

}  // namespace
}  // namespace mebm::metrics
