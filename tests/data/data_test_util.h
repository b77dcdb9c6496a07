#pragma once
// What the data tests share: a folder of their own, files from bytes, archives, and the message of an
// InputError.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/core/error.h"

namespace mebm::data::test {

using Bytes = std::vector<std::uint8_t>;

// A fresh folder that the destructor removes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Creates parent folders.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void write_gzip(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
Bytes read_file(const std::filesystem::path& path);
// (member path, content) in order.
void write_tar_gz(const std::filesystem::path& path,
                  const std::vector<std::pair<std::string, Bytes>>& members);

// Message of the InputError that `run` must throw; fails the test and returns "" when it throws none.
std::string input_error(const std::function<void()>& run);

// The folder named by MEBM_DATA, or empty.
std::filesystem::path data_root();
// MEBM_DATA/fashion-mnist, else where Debian's dataset-fashion-mnist (a dependency of the project) has it.
std::filesystem::path fashion_mnist_root();

}  // namespace mebm::data::test
