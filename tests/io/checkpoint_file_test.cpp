#include "engine/io/checkpoint_file.h"

#include <array>
#include <cstdlib>

#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::input_error;
using testing::read_bytes;
using testing::write_bytes;

class CheckpointFile : public testing::TestDirectory {
 protected:
  std::filesystem::path written(const std::string& name) {
    Hdf5Writer writer;
    writer.set_attribute("/", "format", "mebm-checkpoint");
    writer.write("/model/parameters/w", {2, 2}, values_.data());
    write_file(at(name), writer);
    return at(name);
  }
  std::array<float, 4> values_{1, 2, 3, 4};
};

TEST_F(CheckpointFile, WrittenFilesAreIntactAndReadable) {
  const auto path = written("a.h5");
  const FileCheck check = verify(path);
  EXPECT_EQ(check.state, FileState::intact) << check.problem;
  EXPECT_EQ(check.block.payload_length, std::filesystem::file_size(path) - 512);
  EXPECT_EQ(check.actual, check.block.digest);
  const Hdf5Reader reader = open_checked(path);
  EXPECT_EQ(reader.attribute_string("/", "format"), "mebm-checkpoint");
  EXPECT_EQ(reader.read<float>("/model/parameters/w", {2, 2}), std::vector<float>({1, 2, 3, 4}));
}

// The block's bytes as documented, built here by hand.
TEST_F(CheckpointFile, UserBlockLayout) {
  const auto bytes = read_bytes(written("a.h5"));
  const Sha256Digest digest = sha256(std::span(bytes).subspan(512));
  std::vector<std::byte> expected(512);
  const std::string magic = "MEBMFILE";
  for (std::size_t i = 0; i < 8; ++i) expected[i] = expected[504 + i] = std::byte(magic[i]);
  expected[8] = std::byte{1};
  expected[13] = std::byte{2};
  for (std::size_t i = 0; i < 8; ++i) expected[16 + i] = std::byte((bytes.size() - 512) >> (8 * i));
  for (std::size_t i = 0; i < 32; ++i) expected[24 + i] = std::byte(digest[i]);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), bytes.begin()));
  EXPECT_EQ(std::to_integer<int>(bytes[512]), 0x89);
}

TEST_F(CheckpointFile, TruncationTailAndVersionAreNamed) {
  const auto bytes = read_bytes(written("a.h5"));
  auto changed = bytes;
  changed.resize(bytes.size() - 1);
  write_bytes(at("b.h5"), changed);
  EXPECT_EQ(verify(at("b.h5")).state, FileState::truncated);
  EXPECT_THAT(
      input_error([&] { open_checked(at("b.h5")); }),
      AllOf(HasSubstr("b.h5"), HasSubstr("truncated"), HasSubstr(std::to_string(bytes.size() - 512))));
  changed = bytes;
  changed.push_back(std::byte{0});
  write_bytes(at("b.h5"), changed);
  EXPECT_EQ(verify(at("b.h5")).state, FileState::mismatch);
  changed = bytes;
  changed[8] = std::byte{2};
  write_bytes(at("b.h5"), changed);
  EXPECT_EQ(verify(at("b.h5")).state, FileState::newer);
  EXPECT_THAT(input_error([&] { open_checked(at("b.h5")); }),
              HasSubstr("file format 2, this program reads 1"));
}

TEST_F(CheckpointFile, WhatIsNoHdf5FileIsRefused) {
  EXPECT_THAT(input_error([&] { open_checked(at("absent.h5")); }),
              AllOf(HasSubstr("absent.h5"), HasSubstr("No such file")));
  EXPECT_THAT(input_error([&] { open_checked(directory_); }), HasSubstr("is a directory"));
  write_bytes(at("empty.h5"), {});
  EXPECT_THAT(input_error([&] { open_checked(at("empty.h5")); }), HasSubstr("empty (0 bytes)"));
  const std::string text = "[model]\ndepth = 28\n";
  write_bytes(at("text.h5"), std::as_bytes(std::span(text)));
  EXPECT_THAT(input_error([&] { open_checked(at("text.h5")); }), HasSubstr("is no HDF5 file"));
  EXPECT_THAT(input_error([&] { open_checked("/dev/null"); }), HasSubstr("no regular file"));
}

TEST_F(CheckpointFile, AssembleRefusesImagesOfOtherWriters) {
  EXPECT_THROW(assemble(std::vector<std::byte>(100)), Error);
  EXPECT_THROW(assemble(std::vector<std::byte>(2000)), Error);
}

// Other programs, where installed, accept our files.
TEST_F(CheckpointFile, Hdf5ToolsOpenOurFiles) {
  if (std::system("h5dump --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "h5dump is not installed";
  const std::string path = written("a.h5").string();
  EXPECT_EQ(std::system(("h5dump " + path + " | grep -q 'DATASET \"w\"'").c_str()), 0);
  EXPECT_EQ(std::system(("h5ls -r " + path + " | grep -q '/model/parameters/w *Dataset {2, 2}'").c_str()), 0);
}

TEST_F(CheckpointFile, H5pyOpensOurFiles) {
  const std::string python = "/usr/bin/python3 -c '";
  if (std::system((python + "import h5py' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "h5py is not installed";
  const std::string script =
      "import h5py, sys; f = h5py.File(sys.argv[1]); w = f[\"model/parameters/w\"]; "
      "assert f.attrs[\"format\"] == \"mebm-checkpoint\"; assert w.dtype == \"float32\"; "
      "assert w[()].tolist() == [[1, 2], [3, 4]]; assert f.userblock_size == 512' ";
  EXPECT_EQ(std::system((python + script + written("a.h5").string()).c_str()), 0);
}

}  // namespace
}  // namespace mebm::engine
