#include "tests/data/data_test_util.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>

#include <unistd.h>
#include <zlib.h>

namespace mebm::data::test {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "mebm_data_XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(stream.good()) << path;
}

void write_gzip(const fs::path& path, std::span<const std::uint8_t> bytes) {
  fs::create_directories(path.parent_path());
  const gzFile file = gzopen(path.c_str(), "wb1");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
}

Bytes read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

namespace {

constexpr std::size_t kTarBlock = 512;

// One POSIX ustar header (IEEE Std 1003.1, pax, "ustar Interchange Format") of a regular file. Written here
// and not by libarchive, which reads it: a reader checked against its own writer shares its mistakes.
Bytes ustar_header(const std::string& name, std::size_t bytes) {
  EXPECT_LT(name.size(), 100u) << name;
  Bytes header(kTarBlock, 0);
  const auto put = [&header](std::size_t offset, const std::string& text) {
    std::memcpy(header.data() + offset, text.data(), text.size());
  };
  char size[13];
  std::snprintf(size, sizeof(size), "%011zo", bytes);
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size);
  put(136, "00000000000");
  put(148, "        ");  // the checksum counts its own field as blanks
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  char checksum[9];
  std::snprintf(checksum, sizeof(checksum), "%06o", std::accumulate(header.begin(), header.end(), 0u));
  std::memcpy(header.data() + 148, checksum, 7);
  return header;
}

}  // namespace

void write_tar_gz(const fs::path& path, const std::vector<std::pair<std::string, Bytes>>& members) {
  Bytes tar;
  for (const auto& [name, bytes] : members) {
    const Bytes header = ustar_header(name, bytes.size());
    tar.insert(tar.end(), header.begin(), header.end());
    tar.insert(tar.end(), bytes.begin(), bytes.end());
    tar.resize((tar.size() + kTarBlock - 1) / kTarBlock * kTarBlock, 0);
  }
  tar.resize(tar.size() + 2 * kTarBlock, 0);
  write_gzip(path, tar);
}

std::string input_error(const std::function<void()>& run) {
  try {
    run();
  } catch (const engine::InputError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return {};
}

fs::path data_root() {
  const char* root = std::getenv("MEBM_DATA");
  return root ? fs::path(root) : fs::path();
}

fs::path fashion_mnist_root() {
  const fs::path folder = data_root() / "fashion-mnist";
  return fs::exists(folder) ? folder : fs::path("/usr/share/datasets/fashion-mnist");
}

}  // namespace mebm::data::test
