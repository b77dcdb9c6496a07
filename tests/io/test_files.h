#pragma once
// Shared by the io tests: a directory that removes itself, raw file access, and messages of exceptions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace mebm::engine::testing {

class TestDirectory : public ::testing::Test {
 protected:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "mebm-io-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~TestDirectory() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::filesystem::path at(const std::string& name) const { return directory_ / name; }

  std::filesystem::path directory_;
};

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::byte> bytes(chars.size());
  std::transform(chars.begin(), chars.end(), bytes.begin(), [](char c) { return std::byte(c); });
  return bytes;
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Changes one byte in place, which costs a file system far less than a new file.
inline void write_byte(const std::filesystem::path& path, std::size_t offset, std::byte value) {
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(value));
}

// The message of the InputError that `action` must throw; it must be a single line.
template <typename Action>
std::string input_error(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

// As above for an Error that is no InputError.
template <typename Action>
std::string run_error(Action&& action) {
  try {
    action();
  } catch (const InputError& error) {
    ADD_FAILURE() << "an InputError: " << error.what();
    return error.what();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return "";
}

}  // namespace mebm::engine::testing
