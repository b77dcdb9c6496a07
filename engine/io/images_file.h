#pragma once
// The images file (`images`, optional `labels`) and the scores file.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/hdf5.h"

namespace mebm::engine {

struct ImagesFile {
  std::int64_t count;
  int channels, height, width;
  std::vector<std::uint8_t> bytes;   // [N,C,H,W], 0..255; or
  std::vector<float> values;         // [N,C,H,W], in [-1,1]
  std::vector<std::int64_t> labels;  // [N], or empty
  std::vector<double> values64;      // [N,C,H,W] as stored, where the file holds float64; else empty
};

// Root attributes of a file beside format, version and engine_version: when and how it was made.
using FileAttributes = std::vector<std::pair<std::string, Hdf5Attribute>>;

// Of an images file: the bound that its sampler kept pixels to, 0 for none. Absent in other files.
inline constexpr const char* kPixelClamp = "pixel_clamp";

// Reads `images` [N,C,H,W], uint8 or float32/64, and `labels` [N] where present. Floats up to 1e-3 outside
// [-1,1] are clamped; `beyond` takes samples as they are, within the bound that the file's attribute
// pixel_clamp names. InputError, with file, dataset, index and value, for a missing dataset, another rank or
// type, no images, images that are not square, NaN, values out of range, and labels of another length.
ImagesFile read_images_file(const std::filesystem::path& path, bool beyond = false);

// Writes `images` [shape = N,C,H,W] in the values' own precision, and `labels` [N] where there are any.
void write_images_file(const std::filesystem::path& path, const Hdf5Shape& shape,
                       std::span<const float> images, const FileAttributes& attributes = {},
                       std::span<const std::int32_t> labels = {});
void write_images_file(const std::filesystem::path& path, const Hdf5Shape& shape,
                       std::span<const double> images, const FileAttributes& attributes = {},
                       std::span<const std::int32_t> labels = {});

// Rows of one scoring run; every non-empty array has `count` rows.
template <typename T>
struct Scores {
  std::int64_t count = 0;
  std::span<const T> energy;          // [N]
  std::span<const T> logits;          // [N,classes]; may be empty
  std::span<const T> features;        // [N,D]; may be empty
  std::span<const T> input_gradient;  // image_shape: dE/dx, E summed over the batch; may be empty
  Hdf5Shape image_shape;              // N,C,H,W; for input_gradient only
  FileAttributes attributes = {};
};

void write_scores_file(const std::filesystem::path& path, const Scores<float>& scores);
void write_scores_file(const std::filesystem::path& path, const Scores<double>& scores);

}  // namespace mebm::engine
