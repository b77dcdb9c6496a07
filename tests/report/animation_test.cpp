#include "report/animation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/core/error.h"
#include "report/palette.h"
#include "tests/report/animation_decoders.h"
#include "tests/report/read_png.h"

namespace mebm::report {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// A pattern without long repeats; `levels` values a channel.
Image noise(int width, int height, int channels, unsigned seed, unsigned levels) {
  Image image = Image::filled(width, height, channels, 0);
  unsigned state = seed * 2654435761u + 1;
  for (std::uint8_t& pixel : image.pixels) {
    state = state * 1664525u + 1013904223u;
    pixel = static_cast<std::uint8_t>((state >> 16) % levels * (255 / (levels - 1)));
  }
  return image;
}

std::vector<std::uint8_t> as_rgb(const Image& image) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    out.insert(out.end(), image.channels == 1 ? 3 : 1, image.pixels[i]);
  return out;
}

void expect_frames(const std::vector<DecodedFrame>& found, const std::vector<Image>& expected,
                   const std::vector<int>& milliseconds) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].image.width, expected[i].width);
    EXPECT_EQ(found[i].image.height, expected[i].height);
    EXPECT_EQ(found[i].image.pixels, as_rgb(expected[i])) << "frame " << i;
    EXPECT_EQ(found[i].milliseconds, milliseconds[i]);
  }
}

TEST(AnimatedPng, KeepsEveryByteOfEveryFrame) {
  for (const int channels : {1, 3}) {
    const std::vector<Image> frames{noise(31, 17, channels, 1, 256), noise(31, 17, channels, 2, 256),
                                    noise(31, 17, channels, 3, 256)};
    expect_frames(decode_apng(encode_apng(frames, {80, 1500})), frames, {80, 80, 1500});
  }
}

TEST(AnimatedPng, ReadersThatKnowNoAnimationSeeTheFirstFrame) {
  const std::vector<Image> frames{noise(9, 8, 3, 1, 256), noise(9, 8, 3, 2, 256)};
  const std::filesystem::path directory =
      std::filesystem::path(::testing::TempDir()) / "mebm_animation_first_frame";
  std::filesystem::create_directories(directory);
  const std::string path = directory / "a.png";
  write_animation(path, frames);
  EXPECT_EQ(read_png(path).pixels, frames[0].pixels);
  EXPECT_EQ(load_png(path).pixels, frames[0].pixels);
  write_animation(directory / "a.gif", frames);
  std::ifstream gif(directory / "a.gif", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(gif), {}).substr(0, 6), "GIF89a");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 2) << "nothing is left beside";
  std::filesystem::remove_all(directory);
}

TEST(Gif, GreyFramesAreExact) {
  const std::vector<Image> frames{noise(70, 50, 1, 4, 256), noise(70, 50, 1, 5, 2),
                                  Image::filled(70, 50, 1, 255)};
  expect_frames(decode_gif(encode_gif(frames, {70, 900})), frames, {70, 70, 900});
}

TEST(Gif, FewColoursAreExact) {
  const std::vector<Image> frames{noise(64, 64, 3, 6, 6), noise(64, 64, 3, 7, 3)};  // 216 and 27 colours
  expect_frames(decode_gif(encode_gif(frames)), frames, {100, 100});
}

// The code table fills up and starts anew; strings that are used before they are complete occur.
TEST(Gif, LongFramesAreExact) {
  Image steady = Image::filled(400, 300, 1, 7);
  for (int y = 100; y < 200; ++y)
    for (int x = 0; x < 400; ++x) *steady.at(x, y) = static_cast<std::uint8_t>(x * y);
  const std::vector<Image> frames{noise(400, 300, 1, 8, 256), steady};
  expect_frames(decode_gif(encode_gif(frames)), frames, {100, 100});
}

// Smooth ramps of all colours: 256 colours leave at most a few levels of error, and pure corners stay.
TEST(Gif, ManyColoursAreClose) {
  Image image = Image::filled(128, 128, 3, 0);
  for (int y = 0; y < 128; ++y)
    for (int x = 0; x < 128; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(2 * x);
      image.at(x, y)[1] = static_cast<std::uint8_t>(2 * y);
      image.at(x, y)[2] = static_cast<std::uint8_t>(255 - x - y);
    }
  const Image found = decode_gif(encode_gif(std::span(&image, 1))).at(0).image;
  double squares = 0;
  int largest = 0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const int difference = std::abs(int{image.pixels[i]} - int{found.pixels[i]});
    squares += difference * difference;
    largest = std::max(largest, difference);
  }
  const double error = std::sqrt(squares / static_cast<double>(image.pixels.size()));
  EXPECT_LT(error, 6) << "root mean square";
  EXPECT_LE(largest, 24);
}

TEST(Palette, EveryPixelTakesANearColour) {
  const Image image = noise(90, 90, 3, 9, 256);
  const Paletted paletted = make_paletted(image);
  EXPECT_EQ(paletted.colours.size(), 256u);
  ASSERT_EQ(paletted.indices.size(), 90u * 90u);
  const auto distance = [&](std::size_t pixel, const Colour& colour) {
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c) sum += std::pow(image.pixels[3 * pixel + c] - colour[c], 2);
    return std::sqrt(sum);
  };
  for (std::size_t pixel = 0; pixel < paletted.indices.size(); ++pixel) {
    double nearest = 1e9;
    for (const Colour& colour : paletted.colours) nearest = std::min(nearest, distance(pixel, colour));
    // Colours closer than a quantisation cell may be taken for each other.
    ASSERT_LE(distance(pixel, paletted.colours[paletted.indices[pixel]]), nearest + 9) << pixel;
  }
}

TEST(Animations, RefuseWhatTheyCannotShow) {
  const std::vector<Image> mixed{noise(4, 4, 1, 1, 4), noise(5, 4, 1, 1, 4)}, one{noise(4, 4, 1, 1, 4)};
  EXPECT_THAT([&] { encode_apng(mixed); },
              ThrowsMessage<engine::Error>(HasSubstr("4 x 4 x 1 and 5 x 4 x 1")));
  EXPECT_THAT([&] { encode_gif(mixed); }, ThrowsMessage<engine::Error>(HasSubstr("4 x 4 x 1 and 5 x 4 x 1")));
  EXPECT_THAT([] { encode_apng({}); }, ThrowsMessage<engine::Error>(HasSubstr("no frames")));
  EXPECT_THAT([&] { encode_gif(one, {0, 0}); }, ThrowsMessage<engine::Error>(HasSubstr("0 ms is outside")));
  EXPECT_THAT([&] { encode_apng(one, {10, 70000}); }, ThrowsMessage<engine::Error>(HasSubstr("70000 ms")));
}

TEST(LoadPng, RefusesWhatIsNone) {
  EXPECT_THAT([] { load_png("/nonexistent.png"); },
              ThrowsMessage<engine::InputError>(HasSubstr("is no file")));
  EXPECT_THAT([] { load_png(MEBM_SOURCE_DIR "/CMakeLists.txt"); },
              ThrowsMessage<engine::InputError>(HasSubstr("cannot be read as PNG")));
}

}  // namespace
}  // namespace mebm::report
