#include "report/png.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include <png.h>

#include "engine/core/error.h"

namespace mebm::report {
namespace {

using engine::fail;
using engine::fail_input;
using engine::require;

constexpr png_uint_32 kLargestRead = 4096;  // pixels of a side

// libpng's simplified interface reports errors by return value, so nothing jumps over destructors.
class PngImage {
 public:
  PngImage() { handle_.version = PNG_IMAGE_VERSION; }
  explicit PngImage(const Image& image) {
    handle_.version = PNG_IMAGE_VERSION;
    handle_.width = static_cast<png_uint_32>(image.width);
    handle_.height = static_cast<png_uint_32>(image.height);
    handle_.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  ~PngImage() { png_image_free(&handle_); }

  png_image* get() { return &handle_; }
  const char* message() const { return handle_.message; }

 private:
  png_image handle_{};
};

void write_bytes(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
  errno = 0;
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) fail("cannot write {}: {}", path.string(), std::strerror(errno != 0 ? errno : EIO));
}

}  // namespace

Image Image::filled(int width, int height, int channels, std::uint8_t level) {
  require(width > 0 && height > 0 && (channels == 1 || channels == 3),
          "an image of {} x {} pixels and {} channels: expected a positive size and 1 or 3 channels", width,
          height, channels);
  Image image;
  image.width = width;
  image.height = height;
  image.channels = channels;
  image.pixels.assign(
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels),
      level);
  return image;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  require(image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3),
          "cannot write an image of {} x {} pixels and {} channels as PNG", image.width, image.height,
          image.channels);
  const std::size_t expected = static_cast<std::size_t>(image.width) *
                               static_cast<std::size_t>(image.height) *
                               static_cast<std::size_t>(image.channels);
  require(image.pixels.size() == expected, "an image of {} x {} x {} holds {} bytes instead of {}",
          image.width, image.height, image.channels, image.pixels.size(), expected);
  PngImage png(image);
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(png.get(), nullptr, &size, 0, image.pixels.data(), 0, nullptr) == 0)
    fail("cannot encode a PNG: {}", png.message());
  std::vector<std::uint8_t> bytes(size);
  if (png_image_write_to_memory(png.get(), bytes.data(), &size, 0, image.pixels.data(), 0, nullptr) == 0)
    fail("cannot encode a PNG: {}", png.message());
  bytes.resize(size);
  return bytes;
}

Image load_png(const std::filesystem::path& path) {
  PngImage png;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) fail_input("{}: is no file", path.string());
  if (png_image_begin_read_from_file(png.get(), path.c_str()) == 0)
    fail_input("{}: cannot be read as PNG: {}", path.string(), png.message());
  png_image& handle = *png.get();
  if (handle.width > kLargestRead || handle.height > kLargestRead)
    fail_input("{}: is {} x {} pixels; at most {} x {} are read", path.string(), handle.width, handle.height,
               kLargestRead, kLargestRead);
  const bool grey = (handle.format & PNG_FORMAT_FLAG_COLOR) == 0;
  handle.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image image =
      Image::filled(static_cast<int>(handle.width), static_cast<int>(handle.height), grey ? 1 : 3, 0);
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&handle, &black, image.pixels.data(), 0, nullptr) == 0)
    fail_input("{}: cannot be read as PNG: {}", path.string(), png.message());
  return image;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> bytes = encode_png(image);
  const std::filesystem::path partial = path.string() + ".partial";
  std::error_code error;
  try {
    write_bytes(partial, bytes);
    std::filesystem::rename(partial, path, error);
    if (error) fail("cannot rename {} to {}: {}", partial.string(), path.string(), error.message());
  } catch (const engine::Error&) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw;
  }
}

}  // namespace mebm::report
