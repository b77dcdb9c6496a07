#include "data/augment.h"

#include "engine/core/error.h"

namespace mebm::data {
namespace {

// Coordinate of the unpadded axis that `i` reflects to, -extent < i < 2*extent - 1.
int reflect(int i, int extent) {
  if (i < 0) return -i;
  return i < extent ? i : 2 * (extent - 1) - i;
}

}  // namespace

Crop draw_crop(engine::PhiloxKey key, std::uint32_t iteration, std::uint32_t position) {
  constexpr std::uint32_t kOffsets = 2 * kCropPadding + 1;
  const auto words = engine::random_words(key, engine::RandomPurpose::crop, iteration, 0, 0, position);
  Crop crop;
  crop.row = static_cast<int>(engine::index_from_word(words.word[0], kOffsets));
  crop.column = static_cast<int>(engine::index_from_word(words.word[1], kOffsets));
  crop.flip = (words.word[2] >> 31) != 0;
  return crop;
}

template <typename T>
void apply_crop(const T* image, int channels, int height, int width, const Crop& crop, T* out) {
  engine::require(height > kCropPadding && width > kCropPadding,
                  "images of {}x{} cannot be reflect-padded by {}: both sides must be larger", height, width,
                  kCropPadding);
  engine::require(
      crop.row >= 0 && crop.row <= 2 * kCropPadding && crop.column >= 0 && crop.column <= 2 * kCropPadding,
      "crop at row {}, column {}: both must be 0 ... {}", crop.row, crop.column, 2 * kCropPadding);
  for (int channel = 0; channel < channels; ++channel)
    for (int row = 0; row < height; ++row) {
      const T* from =
          image + (std::int64_t{channel} * height + reflect(row + crop.row - kCropPadding, height)) * width;
      T* to = out + (std::int64_t{channel} * height + row) * width;
      for (int column = 0; column < width; ++column) {
        const int window = crop.flip ? width - 1 - column : column;
        to[column] = from[reflect(window + crop.column - kCropPadding, width)];
      }
    }
}

template void apply_crop(const float*, int, int, int, const Crop&, float*);
template void apply_crop(const double*, int, int, int, const Crop&, double*);

}  // namespace mebm::data
