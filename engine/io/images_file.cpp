#include "engine/io/images_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/io/checkpoint_file.h"

namespace mebm::engine {
namespace {

constexpr double kTolerance = 1e-3;
constexpr std::int64_t kMaxSide = 1 << 20;
constexpr int kVersion = 1;  // of images and scores files

std::string members(const Hdf5Reader& reader) {
  std::string names;
  for (const Hdf5Entry& entry : reader.list("/")) names += (names.empty() ? "" : ", ") + entry.name;
  return names.empty() ? "nothing" : names;
}

void read_extents(const Hdf5Reader& reader, const Hdf5Entry& entry, ImagesFile& images) {
  const Hdf5Shape& shape = entry.shape;
  if (shape.size() != 4)
    fail_input("{}: 'images' has shape {}, expected [N, C, H, W]", reader.file(), to_string(shape));
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    fail_input("{}: 'images' is empty: shape {}", reader.file(), to_string(shape));
  if (shape[2] != shape[3])
    fail_input("{}: 'images' has shape {}: images of {}x{} are not square", reader.file(), to_string(shape),
               shape[2], shape[3]);
  if (shape[1] > kMaxSide || shape[2] > kMaxSide)
    fail_input("{}: 'images' has shape {}, expected at most {} channels, rows and columns", reader.file(),
               to_string(shape), kMaxSide);
  images.count = shape[0];
  images.channels = static_cast<int>(shape[1]);
  images.height = static_cast<int>(shape[2]);
  images.width = static_cast<int>(shape[3]);
}

// The bound that the file says its sampler kept pixels to; 1 where it says none.
double stored_bound(const Hdf5Reader& reader) {
  const double bound = reader.optional_double("/", kPixelClamp).value_or(1);
  if (!(bound >= 0))
    fail_input("{}: attribute {} is {}, expected 0 or more", reader.file(), kPixelClamp, bound);
  return bound == 0 ? std::numeric_limits<double>::max() : std::max(1.0, bound);
}

template <typename T>
void check_and_clamp(const Hdf5Reader& reader, const Hdf5Shape& shape, bool beyond, std::vector<T>& values) {
  const double stored = stored_bound(reader);
  const T bound = static_cast<T>(beyond ? std::min<double>(stored, std::numeric_limits<T>::max()) : 1);
  const T tolerated = bound == T(1) ? T(1 + kTolerance) : bound;
  for (std::size_t i = 0; i < values.size(); ++i) {
    T& value = values[i];
    if (!(std::fabs(value) <= tolerated)) {
      Hdf5Shape index(4);
      std::int64_t rest = static_cast<std::int64_t>(i);
      for (std::size_t axis = 4; axis-- > 0; rest /= shape[axis]) index[axis] = rest % shape[axis];
      if (!beyond && stored > 1 && std::isfinite(value))
        fail_input(
            "{}: 'images' is {} at {}: sampled with another --pixel-clamp than 1; only score and sample "
            "--init-images take such images",
            reader.file(), value, to_string(index));
      fail_input(
          "{}: 'images' is {} at {}, expected [-{}, {}] for floats (a pixel v of 0..255 is v/127.5 - 1)",
          reader.file(), value, to_string(index), bound, bound);
    }
    value = std::clamp(value, -bound, bound);
  }
}

void read_values(const Hdf5Reader& reader, const Hdf5Entry& entry, bool beyond, ImagesFile& images) {
  switch (entry.type) {
    case Hdf5Type::u8:
      images.bytes = reader.read<std::uint8_t>("/images", entry.shape);
      return;
    case Hdf5Type::f32:
      images.values = reader.read<float>("/images", entry.shape);
      check_and_clamp(reader, entry.shape, beyond, images.values);
      return;
    case Hdf5Type::f64:
      images.values64 = reader.read<double>("/images", entry.shape);
      check_and_clamp(reader, entry.shape, beyond, images.values64);
      images.values.assign(images.values64.begin(), images.values64.end());
      return;
    default:
      fail_input("{}: 'images' has type {}, expected uint8 (0..255), float32 or float64 (in [-1, 1])",
                 reader.file(), name_of(entry.type));
  }
}

void read_labels(const Hdf5Reader& reader, ImagesFile& images) {
  if (!reader.exists("/labels")) return;
  const Hdf5Entry entry = reader.dataset("/labels");
  if (entry.type == Hdf5Type::f32 || entry.type == Hdf5Type::f64 || entry.type == Hdf5Type::other)
    fail_input("{}: 'labels' has type {}, expected integers", reader.file(), name_of(entry.type));
  images.labels = reader.read<std::int64_t>("/labels", {images.count});
}

void write_root(Hdf5Writer& writer, const char* format, const FileAttributes& attributes) {
  writer.set_attribute("/", "format", format);
  writer.set_attribute("/", "version", kVersion);
  writer.set_attribute("/", "engine_version", MEBM_VERSION);
  for (const auto& [name, value] : attributes) {
    if (const auto* text = std::get_if<std::string>(&value)) writer.set_attribute("/", name, *text);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) writer.set_attribute("/", name, *integer);
    if (const auto* number = std::get_if<double>(&value)) writer.set_attribute("/", name, *number);
  }
}

template <typename T>
void write_images(const std::filesystem::path& path, const Hdf5Shape& shape, std::span<const T> images,
                  const FileAttributes& attributes, std::span<const std::int32_t> labels) {
  Hdf5Writer writer(images.size_bytes() + labels.size_bytes() + 4096);
  write_root(writer, "mebm-images", attributes);
  writer.write("/images", shape, images.data());
  if (!labels.empty()) {
    const auto count = static_cast<std::int64_t>(labels.size());
    require(count == shape.at(0), "{} labels for {} images", count, shape.at(0));
    writer.write("/labels", {count}, labels.data());
  }
  write_file(path, writer);
}

template <typename T>
void write_rows(Hdf5Writer& writer, const std::string& name, std::int64_t count, std::span<const T> rows) {
  if (rows.empty()) return;
  const auto size = static_cast<std::int64_t>(rows.size());
  require(count > 0 && size % count == 0, "'{}' has {} values, expected a multiple of {}", name, size, count);
  writer.write("/" + name, {count, size / count}, rows.data());
}

template <typename T>
void write_scores(const std::filesystem::path& path, const Scores<T>& scores) {
  require(static_cast<std::int64_t>(scores.energy.size()) == scores.count,
          "'energy' has {} values, expected {}", scores.energy.size(), scores.count);
  Hdf5Writer writer(scores.logits.size_bytes() + scores.features.size_bytes() +
                    scores.input_gradient.size_bytes() + (1 << 16));
  write_root(writer, "mebm-scores", scores.attributes);
  writer.write("/energy", {scores.count}, scores.energy.data());
  write_rows(writer, "logits", scores.count, scores.logits);
  write_rows(writer, "features", scores.count, scores.features);
  if (!scores.input_gradient.empty())
    writer.write("/input_gradient", scores.image_shape, scores.input_gradient.data());
  write_file(path, writer);
}

}  // namespace

ImagesFile read_images_file(const std::filesystem::path& path, bool beyond) {
  const Hdf5Reader reader = open_checked(path);
  if (!reader.exists("/images"))
    fail_input("{}: is no images file: it has no 'images' (it holds: {})", reader.file(), members(reader));
  const Hdf5Entry entry = reader.dataset("/images");
  ImagesFile images{};
  read_extents(reader, entry, images);
  read_values(reader, entry, beyond, images);
  read_labels(reader, images);
  return images;
}

void write_images_file(const std::filesystem::path& path, const Hdf5Shape& shape,
                       std::span<const float> images, const FileAttributes& attributes,
                       std::span<const std::int32_t> labels) {
  write_images(path, shape, images, attributes, labels);
}

void write_images_file(const std::filesystem::path& path, const Hdf5Shape& shape,
                       std::span<const double> images, const FileAttributes& attributes,
                       std::span<const std::int32_t> labels) {
  write_images(path, shape, images, attributes, labels);
}

void write_scores_file(const std::filesystem::path& path, const Scores<float>& scores) {
  write_scores(path, scores);
}

void write_scores_file(const std::filesystem::path& path, const Scores<double>& scores) {
  write_scores(path, scores);
}

}  // namespace mebm::engine
