#include "tests/metrics/formula_inception.h"

#include <cmath>

namespace mebm::metrics {
namespace {

std::uint64_t fnv1a(std::string_view name) {
  std::uint64_t state = 14695981039346656037u;
  for (const char byte : name) state = (state ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return state;
}

std::uint64_t word(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<float> formula_parameter(const models::NamedShape& parameter) {
  const std::string_view name = parameter.name;
  const std::int64_t count = parameter.shape.elements();
  const std::uint64_t seed = fnv1a(name);
  const double fan_in = static_cast<double>(count / parameter.shape[0]);
  double scale = 1, shift = -0.5;
  if (parameter.shape.rank() > 1) {
    scale = 2 * std::sqrt(6 / fan_in);
    shift = -std::sqrt(6 / fan_in);
  } else if (name.ends_with("running_var")) {
    shift = 0.5;
  } else if (name.ends_with("bn.weight")) {
    scale = 0.5;
    shift = 0.75;
  }
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(shift + scale * (static_cast<double>(word(seed, i) >> 40) / (1 << 24)));
  return values;
}

OwnedImages formula_images(std::string_view name, int count, int channels, int height, int width) {
  OwnedImages images{{}, count, channels, height, width};
  const std::uint64_t seed = fnv1a(name);
  std::uint64_t i = 0;
  for (int n = 0; n < count; ++n)
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x, ++i)
          images.pixels.push_back(static_cast<std::uint8_t>(
              (7 * x + 5 * y + 60 * c + 31 * n + static_cast<int>(word(seed, i) >> 58)) % 256));
  return images;
}

}  // namespace mebm::metrics
