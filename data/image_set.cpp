#include "data/image_set.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/ops/elementwise.h"

namespace mebm::data {
namespace {

constexpr int kSmallSide = 28;  // the MNIST family
constexpr int kPaddedSide = 32;

// [N*C] planes of kSmallSide^2 become planes of kPaddedSide^2 with `fill` around them.
template <typename T>
std::vector<T> pad_planes(const std::vector<T>& planes, T fill) {
  constexpr int kBorder = (kPaddedSide - kSmallSide) / 2;
  const std::size_t count = planes.size() / (kSmallSide * kSmallSide);
  std::vector<T> padded(count * kPaddedSide * kPaddedSide, fill);
  for (std::size_t plane = 0; plane < count; ++plane)
    for (int row = 0; row < kSmallSide; ++row) {
      const T* from = planes.data() + (plane * kSmallSide + row) * kSmallSide;
      std::copy_n(from, kSmallSide,
                  padded.data() + (plane * kPaddedSide + row + kBorder) * kPaddedSide + kBorder);
    }
  return padded;
}

}  // namespace

std::string_view split_name(Split split) {
  return split == Split::train ? "train" : "test";
}

Split parse_split(std::string_view name) {
  if (name == "train") return Split::train;
  if (name == "test") return Split::test;
  engine::fail_input("unknown split '{}': train or test", name);
}

std::int64_t ImageSet::count() const {
  const std::int64_t size = image_size();
  if (size == 0) return 0;
  return static_cast<std::int64_t>(pixels.empty() ? values.size() : pixels.size()) / size;
}

template <typename T>
void decode(const ImageSet& set, std::int64_t index, T* out) {
  engine::require(index >= 0 && index < set.count(), "image {} asked of {} {}, which holds {}", index,
                  set.name, set.split, set.count());
  const std::int64_t size = set.image_size();
  if constexpr (std::is_same_v<T, double>) {
    if (!set.values64.empty()) {
      std::copy_n(set.values64.data() + index * size, size, out);
      return;
    }
  }
  if (set.pixels.empty()) {
    std::copy_n(set.values.data() + index * size, size, out);
    return;
  }
  const std::uint8_t* bytes = set.pixels.data() + index * size;
  for (std::int64_t i = 0; i < size; ++i) out[i] = static_cast<T>(bytes[i]) / T(127.5) - T(1);
}

template void decode(const ImageSet&, std::int64_t, float*);
template void decode(const ImageSet&, std::int64_t, double*);

engine::Tensor load_images(engine::Context& context, const ImageSet& images,
                           std::span<const std::int64_t> indices, engine::DType dtype) {
  engine::Tensor out = context.empty(
      {static_cast<std::int64_t>(indices.size()), images.channels, images.height, images.width}, dtype);
  const auto fill = [&]<typename T>() {
    std::vector<T> staged(out.plain_on_host() ? 0 : static_cast<std::size_t>(out.elements()));
    T* to = out.plain_on_host() ? out.as<T>() : staged.data();
    for (const std::int64_t index : indices) {
      decode(images, index, to);
      to += images.image_size();
    }
    if (!staged.empty()) engine::ops::assign<T>(staged, out);
  };
  if (dtype == engine::DType::fp64)
    fill.operator()<double>();
  else
    fill.operator()<float>();
  return out;
}

void pad_to_network_size(ImageSet& set) {
  if (set.height != kSmallSide || set.width != kSmallSide) return;
  set.pixels = pad_planes<std::uint8_t>(set.pixels, 0);
  set.values = pad_planes<float>(set.values, -1.0f);
  set.values64 = pad_planes<double>(set.values64, -1.0);
  set.height = set.width = kPaddedSide;
}

}  // namespace mebm::data
