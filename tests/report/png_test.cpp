#include "report/png.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/core/error.h"
#include "tests/report/read_png.h"

namespace mebm::report {
namespace {

using ::testing::HasSubstr;

class PngFile : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(::testing::TempDir()) / (std::string("mebm_png_") + test->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) ++count;
    return count;
  }

  std::filesystem::path directory_;
};

Image numbered(int width, int height, int channels) {
  Image image = Image::filled(width, height, channels, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 7);
  return image;
}

TEST_F(PngFile, KeepsEveryByte) {
  for (const int channels : {1, 3}) {
    const Image image = numbered(13, 7, channels);
    const std::filesystem::path path = directory_ / "image.png";
    write_png(path, image);
    const Image back = read_png(path);
    EXPECT_EQ(back.width, 13);
    EXPECT_EQ(back.height, 7);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
  EXPECT_EQ(files(), 1u) << "the second write replaces the first and leaves nothing beside it";
}

TEST_F(PngFile, StartsWithTheSignature) {
  const std::vector<std::uint8_t> bytes = encode_png(numbered(2, 2, 3));
  const std::vector<std::uint8_t> signature = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
  ASSERT_GE(bytes.size(), signature.size());
  EXPECT_TRUE(std::equal(signature.begin(), signature.end(), bytes.begin()));
}

TEST_F(PngFile, NamesThePathThatCannotBeWritten) {
  const std::filesystem::path path = directory_ / "missing" / "image.png";
  try {
    write_png(path, numbered(2, 2, 1));
    FAIL();
  } catch (const engine::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    EXPECT_THAT(error.what(), HasSubstr("No such file or directory"));
  }
}

TEST_F(PngFile, LeavesNothingBehindWhenTheNameIsTaken) {
  const std::filesystem::path path = directory_ / "image.png";
  std::filesystem::create_directory(path);
  EXPECT_THROW(write_png(path, numbered(2, 2, 1)), engine::Error);
  EXPECT_EQ(files(), 1u);
}

TEST_F(PngFile, RefusesImagesThatDisagreeWithTheirSize) {
  Image image = numbered(4, 4, 1);
  image.pixels.pop_back();
  try {
    write_png(directory_ / "image.png", image);
    FAIL();
  } catch (const engine::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds 15 bytes instead of 16"));
  }
  image = numbered(4, 4, 1);
  image.channels = 2;
  EXPECT_THROW(encode_png(image), engine::Error);
  EXPECT_THROW(encode_png(Image()), engine::Error);
  EXPECT_THROW(Image::filled(0, 3, 1, 0), engine::Error);
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace mebm::report
