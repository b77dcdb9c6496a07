#pragma once
// 8-bit images in memory and PNG files.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace mebm::report {

// Row-major pixels, `channels` bytes each: 1 (grey) or 3 (red, green, blue).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 1;
  std::vector<std::uint8_t> pixels;

  // An image of one grey level. Throws engine::Error unless width, height > 0 and channels is 1 or 3.
  static Image filled(int width, int height, int channels, std::uint8_t level);

  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

 private:
  std::size_t offset(int x, int y) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
           static_cast<std::size_t>(channels);
  }
};

// The bytes of a PNG file. Throws engine::Error if the image is empty, of another number of channels, or its
// pixels are not width x height x channels bytes.
std::vector<std::uint8_t> encode_png(const Image& image);

// Reads a PNG of at most 4096 x 4096 pixels: one channel for a grey file, else three; transparency over
// black, 16 bits rounded to 8. InputError naming the path where it cannot be read or is larger.
Image load_png(const std::filesystem::path& path);

// Writes a PNG under a temporary name in the same directory, then renames it, so that a reader never sees
// half a file. Throws engine::Error naming the path and the reason; the temporary file is removed then.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace mebm::report
