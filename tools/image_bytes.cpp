#include "tools/image_bytes.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/elementwise.h"

namespace mebm::tools {

std::uint8_t to_byte(double x, Rounding rounding) {
  const double v = std::clamp((x + 1) * 127.5, 0.0, 255.0);
  return static_cast<std::uint8_t>(rounding == Rounding::nearest ? std::floor(v + 0.5) : v);
}

std::vector<std::uint8_t> bytes_of(const data::ImageSet& set) {
  if (!set.pixels.empty()) return set.pixels;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(set.values.size());
  for (const float value : set.values) bytes.push_back(to_byte(value, Rounding::nearest));
  return bytes;
}

void append_bytes(const engine::Tensor& images, std::int64_t rows, Rounding rounding,
                  std::vector<std::uint8_t>& to) {
  const std::vector<double> values = engine::ops::host_values(images);
  const std::size_t size = values.size() / static_cast<std::size_t>(images.extent(0));
  for (std::size_t i = 0; i < size * static_cast<std::size_t>(rows); ++i) {
    if (!std::isfinite(values[i]))
      engine::fail("sample {} is {} at element {}; a smaller step size may help", to.size() / size, values[i],
                   i % size);
    to.push_back(to_byte(values[i], rounding));
  }
}

}  // namespace mebm::tools
