#pragma once
// Run directories made by hand, removed with the test.

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace mebm::testing {

class RunFilesTest : public ::testing::Test {
 protected:
  RunFilesTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mebm-report-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = name;
  }
  ~RunFilesTest() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  // Writes folder_/name and the folders above it.
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // What a PNG file begins with, and `more` bytes.
  static std::string png(std::size_t more = 0) {
    return std::string("\x89PNG\r\n\x1a\n", 8) + std::string(more, 'x');
  }

  std::filesystem::path folder_;
};

}  // namespace mebm::testing
