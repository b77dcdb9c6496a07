// Damaged files: always noticed or harmless, and never a crash of this process.
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "engine/io/checkpoint_file.h"
#include "tests/io/test_files.h"

namespace mebm::engine {
namespace {

using ::testing::HasSubstr;
using testing::input_error;
using testing::read_bytes;
using testing::write_byte;
using testing::write_bytes;

class Damage : public testing::TestDirectory {
 protected:
  // Everything a caller could learn from a file, flattened.
  static void describe(const Hdf5Reader& reader, const std::string& group, std::string& out, int depth = 0) {
    const std::string prefix = group == "/" ? group : group + "/";
    for (const auto& [name, value] : reader.attributes(group)) {
      out += "@" + name + "=";
      if (const auto* text = std::get_if<std::string>(&value)) out += *text;
      if (const auto* integer = std::get_if<std::int64_t>(&value)) out += std::to_string(*integer);
      if (const auto* number = std::get_if<double>(&value)) out += std::to_string(*number);
    }
    for (const Hdf5Entry& entry : reader.list(group)) {
      out += prefix + entry.name + to_string(entry.shape) + std::string(name_of(entry.type));
      if (entry.kind == Hdf5Kind::group && depth < 8) describe(reader, prefix + entry.name, out, depth + 1);
      if (entry.kind != Hdf5Kind::dataset || entry.type == Hdf5Type::other) continue;
      const auto values = reader.read_at_most<double>(prefix + entry.name, 1 << 20);
      out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    }
  }

  // One wrong byte at 100 random offsets of a foreign file: refused, or read the same way every time.
  void damage_fixture(const std::string& name, unsigned seed) {
    std::mt19937 random(seed);
    const auto bytes = read_bytes(std::string(MEBM_SOURCE_DIR "/tests/io/fixtures/") + name);
    write_bytes(at("b.h5"), bytes);
    std::size_t offset = 0;
    int refused = 0;
    for (int trial = 0; trial < 100; ++trial) {
      write_byte(at("b.h5"), offset, bytes[offset]);
      offset = random() % bytes.size();
      write_byte(at("b.h5"), offset, std::byte(random()));
      std::string first, second;
      try {
        describe(open_checked(at("b.h5")), "/", first);
      } catch (const InputError& error) {
        ASSERT_THAT(error.what(), HasSubstr("b.h5"));
        ++refused;
        continue;
      }
      describe(Hdf5Reader(at("b.h5").string()), "/", second);
      ASSERT_EQ(first, second) << "offset " << offset;
    }
    EXPECT_GT(refused, 5);
    EXPECT_LT(refused, 95);
  }
};

TEST_F(Damage, EveryFlippedByteOfOurFilesIsNoticed) {
  Hdf5Writer writer;
  const std::vector<float> values(200, 1.25f);
  writer.set_attribute("/", "config", "[model]\ndepth = 10\n");
  for (int i = 0; i < 10; ++i) writer.write("/model/parameters/w" + std::to_string(i), {200}, values.data());
  write_file(at("a.h5"), writer);
  const auto bytes = read_bytes(at("a.h5"));
  std::mt19937 random(1);
  for (std::size_t trial = 0; trial < 812; ++trial) {
    // Every byte of the user block, then 300 anywhere.
    const std::size_t offset = trial < 512 ? trial : random() % bytes.size();
    write_byte(at("a.h5"), offset, bytes[offset] ^ std::byte(1 + random() % 255));
    const FileState state = verify(at("a.h5")).state;
    ASSERT_NE(state, FileState::intact) << offset;
    ASSERT_NE(state, FileState::foreign) << offset;
    ASSERT_THROW(open_checked(at("a.h5")), InputError) << offset;
    write_byte(at("a.h5"), offset, bytes[offset]);
  }
  EXPECT_EQ(verify(at("a.h5")).state, FileState::intact);
}

TEST_F(Damage, EveryTruncationOfOurFilesIsNoticed) {
  Hdf5Writer writer;
  const std::vector<float> values(2000, 1.25f);
  writer.write("/model/parameters/w", {2000}, values.data());
  write_file(at("a.h5"), writer);
  std::size_t length = std::filesystem::file_size(at("a.h5"));
  while (length > 0) {
    length -= length > 530 ? std::min<std::size_t>(97, length - 530) : 1;
    std::filesystem::resize_file(at("a.h5"), length);
    ASSERT_THROW(open_checked(at("a.h5")), InputError) << length;
  }
}

TEST_F(Damage, ForeignFilesInTheNewMetadataFormatAreReadOrRefused) {
  damage_fixture("checkpoint.h5", 2);
}

TEST_F(Damage, ForeignFilesInTheOldMetadataFormatAreReadOrRefused) {
  damage_fixture("checkpoint_v0.h5", 3);
}

TEST_F(Damage, TruncatedForeignFilesAreRefused) {
  const auto bytes = read_bytes(MEBM_SOURCE_DIR "/tests/io/fixtures/checkpoint_v0.h5");
  write_bytes(at("b.h5"), bytes);
  for (std::size_t length = bytes.size() - 1; length > 997; length -= 997) {
    std::filesystem::resize_file(at("b.h5"), length);
    ASSERT_THROW(open_checked(at("b.h5")), InputError) << length;
  }
}

TEST_F(Damage, TrialProcessWorksAfterAndBesideThreads) {
  const std::string path = MEBM_SOURCE_DIR "/tests/io/fixtures/checkpoint.h5";
  std::atomic<int> sum = 0;
#pragma omp parallel for num_threads(4)
  for (int i = 0; i < 1000; ++i) sum += i;
  EXPECT_EQ(sum, 499500);
  // Threads that allocate while the process forks.
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) std::vector<char>(10000).swap(*std::make_unique<std::vector<char>>());
  });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(open_checked(path).exists("/model"));
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace mebm::engine
