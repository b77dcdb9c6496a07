#include "tools/image_mask.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>

#include "data/images_hdf5.h"
#include "engine/core/error.h"
#include "report/png.h"

namespace mebm::tools {

using engine::fail_input;

namespace {

constexpr const char* kForms =
    "give a PNG, an images file, center:HxW, left, right, top, bottom or random:SHARE";

constexpr std::string_view kCentre = "center:", kRandom = "random:";

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

// The planes of a PNG as a set of one image, padded as the data sets are.
data::ImageSet png_set(const std::string& path) {
  const report::Image image = report::load_png(path);
  data::ImageSet set;
  set.channels = image.channels;
  set.height = image.height;
  set.width = image.width;
  for (int c = 0; c < image.channels; ++c)
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) set.pixels.push_back(image.at(x, y)[c]);
  return set;
}

}  // namespace

ImageMask::ImageMask(const std::string& text, const ebm::ImageShape& shape, engine::PhiloxKey key)
    : text_(text), shape_(shape), key_(key) {
  const int h = shape.height, w = shape.width;
  if (text == "left")
    free_rectangle(0, 0, h, w / 2);
  else if (text == "right")
    free_rectangle(0, w / 2, h, w - w / 2);
  else if (text == "top")
    free_rectangle(0, 0, h / 2, w);
  else if (text == "bottom")
    free_rectangle(h / 2, 0, h - h / 2, w);
  else if (text.starts_with(kCentre))
    free_centre(text.substr(kCentre.size()));
  else if (text.starts_with(kRandom))
    free_at_random(text.substr(kRandom.size()));
  else
    read_file(text);
}

void ImageMask::free_centre(std::string_view size) {
  const std::size_t by = std::min(size.find('x'), size.size());
  const auto high = number<int>(size.substr(0, by)),
             wide = number<int>(size.substr(std::min(by + 1, size.size())));
  if (!high || !wide) fail_input("--mask {}: expected center:HxW, such as center:16x16", text_);
  if (*high < 1 || *high > shape_.height || *wide < 1 || *wide > shape_.width)
    fail_input("--mask {}: outside 1x1 ... {}x{}, the size of the images", text_, shape_.height,
               shape_.width);
  free_rectangle((shape_.height - *high) / 2, (shape_.width - *wide) / 2, *high, *wide);
}

void ImageMask::free_at_random(std::string_view share) {
  const auto given = number<double>(share);
  if (!given || !(*given > 0 && *given <= 1))
    fail_input("--mask {}: the share of free pixels is above 0 and at most 1", text_);
  random_share_ = *given;
}

void ImageMask::free_rectangle(int top, int left, int height, int width) {
  free_.assign(static_cast<std::size_t>(shape_.elements()), 0);
  for (int c = 0; c < shape_.channels; ++c)
    for (int y = top; y < top + height; ++y)
      for (int x = left; x < left + width; ++x)
        free_[static_cast<std::size_t>((c * shape_.height + y) * shape_.width + x)] = 1;
  if (height < 1 || width < 1)
    fail_input("--mask {}: frees no pixel of {}x{} images", text_, shape_.height, shape_.width);
}

void ImageMask::read_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail_input("--mask {}: does not exist; {}", path, kForms);
  const bool png = std::filesystem::path(path).extension() == ".png";
  data::ImageSet set = png ? png_set(path) : data::read_images_hdf5(path, false);
  const int height = set.height, width = set.width;
  if (shape_.height == 32) data::pad_to_network_size(set);
  if (set.height != shape_.height || set.width != shape_.width)
    fail_input("--mask {}: is {}x{} pixels, the model's images are {}x{}", path, height, width, shape_.height,
               shape_.width);
  if (set.channels != 1 && set.channels != shape_.channels)
    fail_input("--mask {}: has {} channels, expected 1 or {}", path, set.channels, shape_.channels);
  masks_ = set.count();
  const auto plane = static_cast<std::size_t>(shape_.height * shape_.width);
  std::vector<double> values(static_cast<std::size_t>(set.image_size()));
  for (std::int64_t n = 0; n < masks_; ++n) {
    data::decode(set, n, values.data());
    for (int c = 0; c < shape_.channels; ++c) {
      const double* from = values.data() + (set.channels == 1 ? 0 : static_cast<std::size_t>(c) * plane);
      std::transform(from, from + plane, std::back_inserter(free_),
                     [](double v) { return v > 0 ? 1.0 : 0.0; });
    }
  }
  if (std::find(free_.begin(), free_.end(), 1.0) == free_.end())
    fail_input("--mask {}: is black everywhere, so no pixel may change; white is free", path);
}

void ImageMask::require_for(std::int64_t count) const {
  if (masks_ > 1 && masks_ < count)
    fail_input("--mask {}: holds {} masks for {} images; give one for all or one each", text_, masks_, count);
}

std::vector<double> ImageMask::values(std::int64_t first, std::int64_t rows) const {
  const std::int64_t size = shape_.elements(), plane = size / shape_.channels;
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(rows * size));
  for (std::int64_t chain = first; chain < first + rows; ++chain) {
    if (random_share_ < 0) {
      const auto begin = free_.begin() + static_cast<std::ptrdiff_t>(masks_ > 1 ? chain * size : 0);
      out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
      continue;
    }
    for (std::int64_t i = 0; i < size; ++i) {
      const double u = engine::random_uniform<double>(key_, engine::RandomPurpose::chain_mask, 0,
                                                      static_cast<std::uint32_t>(chain), 0,
                                                      static_cast<std::uint32_t>(i % plane));
      out.push_back(u < random_share_ ? 1 : 0);
    }
  }
  return out;
}

}  // namespace mebm::tools
